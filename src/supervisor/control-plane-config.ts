import { z } from 'zod';
import { nodePolicy, quorumPolicy } from './policy-config.ts';

/** How wdrip logs in to etcd. The members' endpoints come from the cloud: every master's address. */
export const etcdConfig = z.strictObject({
  /** PEM files: etcd's authority, and wdrip's certificate and key of it. */
  caFile: z.string(),
  certFile: z.string(),
  keyFile: z.string(),
});

/** What masters are made of. */
export const controlPlaneConfig = z.strictObject({
  /** How many there are to be. An even number of members survives no more failures than one less. */
  replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]),
  zones: z.array(z.string()).min(1),
  instanceType: z.string(),
  imageId: z.string(),
  securityGroupId: z.string(),
  /** VSwitch of each zone, or one for all. */
  vSwitchId: z.union([z.string(), z.record(z.string(), z.string())]),
  ramRole: z.string(),
  systemDisk: z.strictObject({ sizeGiB: z.number().int().positive(), category: z.string() }),
  /** The balancer in front of the API servers. */
  loadBalancerId: z.string(),
  /** Of the masters' own ladders, and of the quorum. */
  policy: nodePolicy.default({}),
  quorumPolicy: quorumPolicy.default({}),
});

export type EtcdConfig = Readonly<z.infer<typeof etcdConfig>>;
export type ControlPlaneConfig = Readonly<z.infer<typeof controlPlaneConfig>>;
