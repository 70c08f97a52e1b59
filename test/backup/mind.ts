import type { ClusterMind } from '../../src/backup/mind.ts';

/** A cluster's mind, small. */
export const exampleMind: ClusterMind = {
  'cluster-spec': Buffer.from('clusterid: demo'),
  'cluster-material': Buffer.from('{"cluster":"demo"}'),
  'cluster-keys': Buffer.from('{"ca":"a secret key"}'),
  'encryption-keys': null,
  'node-pools': Buffer.from('[]'),
  'control-plane-bundle': Buffer.from('tar'),
};
