import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../failure.ts';

const schema = z.strictObject({
  version: z.literal(1),
  cluster: z.string().min(1),
  /** Region of the instances. */
  region: z.string().min(1),
  /** PEM. Public, unlike its key, which is not in here. */
  caCertificate: z.string().min(1),
  /** The API server as workers reach it: `https://host:port`. */
  server: z.url(),
  objects: z.strictObject({ region: z.string(), bucket: z.string(), endpoint: z.string() }).readonly(),
  clusterDns: z.string(),
  clusterDomain: z.string(),
  nodeGraceSeconds: z.number().int().positive(),
  /** The control plane's bundle. It holds the cluster's keys: who may read it is the cluster. */
  controlPlaneBundle: z.strictObject({ key: z.string(), sha256: z.string().length(64) }).readonly(),
});

/** What must be known of a cluster to make more nodes for it. No key is in it, but where the keys lie. */
export type ClusterMaterial = Readonly<z.infer<typeof schema>>;

/** Reads a cluster's material. Throws `Failure` `BadMaterial`, which names the file and what is wrong with it. */
export async function loadMaterial(path: string): Promise<ClusterMaterial> {
  const bad = (why: string, cause?: unknown) =>
    new Failure(
      {
        kind: 'rejected',
        code: 'BadMaterial',
        message: `the cluster's material ${path} cannot be used: ${why}. It is written when the cluster is created`,
      },
      { cause },
    );
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw bad(`it could not be read (${cause.code ?? cause.message})`, cause);
  });
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw bad('it is not JSON', cause);
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw bad(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}

/** Writes it, readable for its owner only. A crash leaves the old file or the new one, never half of one. */
export async function saveMaterial(path: string, material: ClusterMaterial): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, `${JSON.stringify(material, undefined, 2)}\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
}
