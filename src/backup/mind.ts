import { z } from 'zod';
import { Failure } from '../failure.ts';
import { damaged } from './format/frame.ts';

/** What a new body needs besides etcd's data, each with what it is for. All of it must be in every backup (safety 56). */
export const mindParts = {
  'cluster-spec': 'the cluster as it was asked for',
  'cluster-material': 'where a new node finds everything',
  'cluster-keys': 'the certificate authorities and the service-account keys',
  'encryption-keys': 'with which the API server encrypts what it stores; null if it encrypts nothing',
  'node-pools': 'the pools and their sizes',
  'control-plane-bundle': 'what a control-plane node is made of',
} as const;
export type MindPart = keyof typeof mindParts;

/** The parts' own files, byte for byte. Only `encryption-keys` may be null. */
export type ClusterMind = Readonly<Record<MindPart, Uint8Array | null>>;

/** All of it is some 100 KiB; beyond this something is in it that should not be. It is the one stream that is whole in memory. */
export const MAX_MIND_BYTES = 8 * 1024 * 1024;

const base64 = z.base64().nullable();
const schema = z.strictObject({
  version: z.literal(1),
  parts: z.strictObject({
    'cluster-spec': base64,
    'cluster-material': base64,
    'cluster-keys': base64,
    'encryption-keys': base64,
    'node-pools': base64,
    'control-plane-bundle': base64,
  }),
});

/** As it goes into a backup. `MindIncomplete` (rejected) if a part is missing: such a backup could not be restored. */
export function packMind(mind: ClusterMind): Buffer {
  const missing = missingParts(mind);
  if (missing.length > 0)
    throw new Failure({
      kind: 'rejected',
      code: 'MindIncomplete',
      message: `a backup without ${missing.join(', ')} could not be restored, so none is taken`,
    });
  const encode = (part: MindPart) => {
    const content = mind[part];
    return content === null ? null : Buffer.from(content).toString('base64');
  };
  const parts = Object.fromEntries(partNames.map((part) => [part, encode(part)]));
  const packed = Buffer.from(JSON.stringify({ version: 1, parts }));
  if (packed.length > MAX_MIND_BYTES)
    throw new Error(`the mind of a cluster has ${packed.length} bytes, over ${MAX_MIND_BYTES}`);
  return packed;
}

/** Out of a backup again. `BackupDamaged` if it can't be. */
export function unpackMind(packed: Buffer): ClusterMind {
  const parsed = schema.safeParse(parseJson(packed.toString()));
  if (!parsed.success) throw damaged('mind of the cluster', 'it has not the form that is written');
  const decode = (content: string | null) => (content === null ? null : Buffer.from(content, 'base64'));
  const { parts } = parsed.data;
  const mind: ClusterMind = {
    'cluster-spec': decode(parts['cluster-spec']),
    'cluster-material': decode(parts['cluster-material']),
    'cluster-keys': decode(parts['cluster-keys']),
    'encryption-keys': decode(parts['encryption-keys']),
    'node-pools': decode(parts['node-pools']),
    'control-plane-bundle': decode(parts['control-plane-bundle']),
  };
  const missing = missingParts(mind);
  if (missing.length > 0) throw damaged('mind of the cluster', `${missing.join(', ')} is missing`);
  return mind;
}

const partNames: readonly MindPart[] = [
  'cluster-spec',
  'cluster-material',
  'cluster-keys',
  'encryption-keys',
  'node-pools',
  'control-plane-bundle',
];

function missingParts(mind: ClusterMind): readonly MindPart[] {
  return partNames.filter((part) => {
    const content = mind[part];
    return content === null || content === undefined ? part !== 'encryption-keys' : content.length === 0;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
