import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { backupConfig } from './backup-config.ts';
import { controlPlaneConfig, etcdConfig } from './control-plane-config.ts';
import { durationMs, nodePolicy } from './policy-config.ts';

const percentage = z.string().regex(/^(100|[1-9]?\d)%$/, 'must be a percentage such as "10%"');
const credentials = { accessKeyId: z.string().min(1), accessKeySecret: z.string().min(1) };

const pool = z.strictObject({
  id: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'must be a short DNS label'),
  replicas: z.number().int().min(0).max(10_000),
  zones: z.array(z.string()).min(1),
  instanceType: z.string(),
  imageId: z.string(),
  securityGroupId: z.string(),
  /** VSwitch of each zone, or one for all. */
  vSwitchId: z.union([z.string(), z.record(z.string(), z.string())]),
  ramRole: z.string(),
  systemDisk: z.strictObject({ sizeGiB: z.number().int().positive(), category: z.string() }),
  /** How many of the pool's nodes wdrip may take away at once: a number, or a percentage of it (at least 1). */
  maxUnavailable: z.union([z.number().int().min(1), percentage]).default(1),
  policy: nodePolicy.default({}),
});

const schema = z.strictObject({
  cluster: z.string().min(1),
  kubeconfig: z.string(),
  material: z.string(),
  store: z.string(),
  cloud: z.strictObject({
    endpoint: z.string().optional(),
    protocol: z.enum(['http', 'https']).default('https'),
    region: z.string(),
    ...credentials,
  }),
  objects: z.strictObject({
    endpoint: z.string().optional(),
    region: z.string(),
    bucket: z
      .string()
      .regex(
        /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
        'must be a bucket name: 3 to 63 lower-case letters, digits and hyphens',
      ),
    sldEnable: z.boolean().default(false),
    ...credentials,
  }),
  /** Without these two wdrip looks after workers only. */
  etcd: etcdConfig.optional(),
  controlPlane: controlPlaneConfig.optional(),
  /** Without it there are no backups, and a lost quorum comes back only from what is left on a master. */
  backup: backupConfig.optional(),
  pools: z.array(pool).min(1),
  /** Numbers of the supervisor itself. */
  supervisor: z
    .strictObject({
      /** How often the cloud is asked for the cluster's instances, in ms: while all is well, and while something is not. */
      cloudPollMs: durationMs.default(10_000),
      cloudPollBusyMs: durationMs.default(2_000),
      /** A Ready node whose lease has been silent for this long counts as NotReady: then the node controller is not at work. */
      leaseSilentMs: durationMs.default(60_000),
      /** NotReady beyond this share of a pool (and more than `stormFloor` nodes) is a storm. */
      stormPercent: z.number().min(1).max(100).default(40),
      zoneStormPercent: z.number().min(1).max(100).default(55),
      stormFloor: z.number().int().min(1).default(2),
      stormHoldMs: durationMs.default(300_000),
      /** Without a sign of life from the Kubernetes API for this long, wdrip counts itself blind. */
      staleMs: durationMs.default(15_000),
    })
    .prefault({}),
});

export type SupervisorConfig = z.infer<typeof schema>;
export type PoolConfig = SupervisorConfig['pools'][number];

/** Reads a supervisor's configuration. Throws `Failure` `BadConfiguration`, which names the file, the setting and what it must be. */
export async function loadConfig(path: string): Promise<SupervisorConfig> {
  const bad = (why: string, cause?: unknown) =>
    new Failure(
      {
        kind: 'rejected',
        code: 'BadConfiguration',
        message: `the configuration ${path} cannot be used: ${why}`,
      },
      { cause },
    );
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw bad(
      cause.code === 'ENOENT'
        ? 'there is no such file. Name one with --config, or bring up a sandbox with `wdrip sandbox up`'
        : `it could not be read (${cause.code ?? cause.message})`,
      cause,
    );
  });
  let data: unknown;
  try {
    data = parseYaml(text);
  } catch (cause) {
    throw bad(`it is not YAML: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(
      (issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`,
    );
    throw bad(`\n${lines.join('\n')}`);
  }
  const ids = parsed.data.pools.map((each) => each.id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw bad(`the pool ${twice} is there twice`);
  return parsed.data;
}

/** How many of a pool's nodes may be away at once. A percentage is rounded down, but never to none (safety 10). */
export function maxUnavailable(of: Pick<PoolConfig, 'maxUnavailable' | 'replicas'>): number {
  const limit = of.maxUnavailable;
  if (typeof limit === 'number') return limit;
  return Math.max(1, Math.floor((of.replicas * Number.parseInt(limit, 10)) / 100));
}
