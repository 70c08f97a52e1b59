import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { SandboxPaths } from './dir.ts';
import { isSandboxLocked } from './lock.ts';
import { writePrivately } from './private-file.ts';

const schema = z.strictObject({
  version: z.literal(1),
  /** The daemon's. Only meaningful while the sandbox's lock is held. */
  pid: z.number().int().positive(),
  /** `creating` until the cluster is up: a bring-up that ended there is cleared away by the next. */
  phase: z.enum(['creating', 'up']),
  cluster: z.string(),
  region: z.string(),
  /** The N of every instance's address, 127.N.…: no other sandbox of this machine has it. */
  network: z.number().int().min(0).max(255),
  bucket: z.string(),
  /** `host:port` of the cloud's API (HTTP), which also has the control interface. */
  cloudEndpoint: z.string(),
  /** URL of the object store. */
  objectsEndpoint: z.url(),
  /** Buckets for backups, one in each of two regions; the keys are the same. */
  backups: z
    .array(z.object({ region: z.string(), bucket: z.string(), endpoint: z.url() }).readonly())
    .readonly(),
  accessKeyId: z.string(),
  accessKeySecret: z.string(),
  /** Of an instance's metadata service, without the instance's id at its end. */
  metadataEndpoint: z.string(),
  /** Bearer of the control interface. */
  adminToken: z.string(),
  /** Folder of the programs that instances run. */
  tools: z.string(),
  kubeconfig: z.string(),
});

/** What a sandbox's daemon says of itself. Holds keys: for its owner only. */
export type SandboxState = Readonly<z.infer<typeof schema>>;

/** The state of the sandbox in a folder, or null if there is none (or none that can be read: a torn file is no sandbox). */
export async function readSandboxState(paths: SandboxPaths): Promise<SandboxState | null> {
  try {
    return schema.parse(JSON.parse(await readFile(paths.state, 'utf8')));
  } catch {
    return null;
  }
}

/** The state of a sandbox that should run. Throws `Failure` `NoSandbox`, or `SandboxCrashed` if only its files are there. */
export async function mustReadSandboxState(paths: SandboxPaths): Promise<SandboxState> {
  const state = await readSandboxState(paths);
  if (!state) {
    const message = `there is no sandbox in ${paths.dir}: bring one up with \`wdrip sandbox up\`, or name its folder with --dir`;
    throw new Failure({ kind: 'notFound', code: 'NoSandbox', message });
  }
  if (await isSandboxLocked(paths.dir)) return state;
  const message = `the sandbox in ${paths.dir} does not run any more (see ${paths.log}): bring up a new one with \`wdrip sandbox up\`, or clear it away with \`wdrip sandbox down\``;
  throw new Failure({ kind: 'notFound', code: 'SandboxCrashed', message });
}

export async function writeSandboxState(paths: SandboxPaths, state: SandboxState): Promise<void> {
  await writePrivately(paths.state, `${JSON.stringify(state, undefined, 2)}\n`);
}
