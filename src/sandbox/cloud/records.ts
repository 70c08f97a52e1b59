import { z } from 'zod';

/** ECS's own words for the states of an instance. */
export const statuses = ['Pending', 'Starting', 'Running', 'Stopping', 'Stopped'] as const;
export type Status = (typeof statuses)[number];

/** Reasons for which the cloud refuses work on an instance. */
export const lockReasons = ['security', 'financial'] as const;
export type LockReason = (typeof lockReasons)[number];

const diskSchema = z
  .object({
    id: z.string(),
    sizeGiB: z.number(),
    category: z.string(),
    createdAt: z.number(),
    /** `ReIniting` while ReplaceSystemDisk works. */
    status: z.enum(['In_use', 'ReIniting']),
  })
  .readonly();

/** One instance as the cloud knows it. Times are epoch ms. */
export const instanceSchema = z
  .object({
    id: z.string(),
    /** Order of creation: lists and page tokens go by it. */
    sequence: z.number(),
    name: z.string(),
    description: z.string(),
    hostName: z.string(),
    zone: z.string(),
    vSwitchId: z.string(),
    securityGroupIds: z.array(z.string()).readonly(),
    imageId: z.string(),
    instanceType: z.string(),
    keyPairName: z.string(),
    ramRole: z.string().nullable(),
    /** `required` switches the metadata service's plain mode off. */
    httpTokens: z.enum(['optional', 'required']),
    /** In 127.0.0.0/8, never shared. */
    ip: z.string(),
    status: z.enum(statuses),
    /** As it was stopped: in economical mode its stock may be gone when it is to start again. */
    stoppedMode: z.enum(['KeepCharging', 'StopCharging', 'Not-applicable']),
    deletionProtection: z.boolean(),
    tags: z.record(z.string(), z.string()).readonly(),
    locks: z.array(z.enum(lockReasons)).readonly(),
    /** As given, in base64. */
    userData: z.string(),
    createdAt: z.number(),
    startedAt: z.number().nullable(),
    disk: diskSchema,
    /** The disk and image that ReplaceSystemDisk is making. */
    replacing: z.object({ disk: diskSchema, imageId: z.string() }).readonly().nullable(),
    /** DeleteInstance was accepted: it lingers, and takes no more work. */
    releasing: z.boolean(),
    /** The host runs it. Running in the cloud's eyes without this is an instance whose system is dead. */
    booted: z.boolean(),
    /** How often the host has booted it. */
    bootCount: z.number(),
    /** Injected: it never boots again, whatever is done to it, but in the cloud's eyes it does. */
    unbootable: z.boolean(),
    /** Injected: its system hangs, so that only a forced stop or reboot helps. Ends with the next boot. */
    hung: z.boolean(),
    /** Eventual consistency: not in lists before this. */
    visibleAt: z.number(),
    /** Eventual consistency: before this, lists show `tagsBefore`. */
    tagsVisibleAt: z.number(),
    tagsBefore: z.record(z.string(), z.string()).readonly(),
  })
  .readonly();
export type InstanceRecord = z.infer<typeof instanceSchema>;

const listenerSchema = z
  .object({
    port: z.number(),
    backendPort: z.number(),
    healthPort: z.number(),
    intervalMs: z.number(),
    timeoutMs: z.number(),
    healthyThreshold: z.number(),
    unhealthyThreshold: z.number(),
    /** One is created stopped, and has to be started. */
    running: z.boolean(),
  })
  .readonly();
export type ListenerRecord = z.infer<typeof listenerSchema>;

/** A classic load balancer. */
export const balancerSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    vSwitchId: z.string(),
    specification: z.string(),
    /** In 127.N.251.0/24, never shared. */
    address: z.string(),
    tags: z.record(z.string(), z.string()).readonly(),
    createdAt: z.number(),
    listeners: z.array(listenerSchema).readonly(),
    /** The default server group. Weight 0 gets no new connections. */
    backends: z.array(z.object({ serverId: z.string(), weight: z.number() }).readonly()).readonly(),
  })
  .readonly();
export type BalancerRecord = z.infer<typeof balancerSchema>;

/** A RAM role that instances can carry, and what its holder may do. */
export const roleSchema = z
  .object({
    name: z.string(),
    /** OpenAPI actions, such as `ecs:DescribeInstances` or `ecs:*`. */
    actions: z.array(z.string()).readonly(),
    /** Objects: every key under `bucket/prefix`. End a folder with `/`, since this is a plain prefix. */
    objects: z
      .array(z.object({ prefix: z.string(), access: z.enum(['read', 'readWrite']) }).readonly())
      .readonly(),
  })
  .readonly();
export type Role = z.infer<typeof roleSchema>;

/** A ClientToken that was used, and the answer that it stands for. */
export const usedTokenSchema = z
  .object({
    key: z.string(),
    /** Hash of the parameters it was first used with. */
    fingerprint: z.string(),
    /** The answer's body, without its RequestId. */
    body: z.record(z.string(), z.json()),
  })
  .readonly();
export type UsedToken = z.infer<typeof usedTokenSchema>;

/** All that outlives the process. */
export const cloudStateSchema = z
  .object({
    version: z.literal(1),
    region: z.string(),
    accessKeyId: z.string(),
    accessKeySecret: z.string(),
    adminToken: z.string(),
    nextSequence: z.number(),
    /** By subnet (`1`: control plane, `2`: others): how many addresses were given out. */
    addressesGiven: z.record(z.string(), z.number()).readonly(),
    instances: z.array(instanceSchema).readonly(),
    /** Absent in states that are older than load balancers. */
    balancers: z.array(balancerSchema).readonly().default([]),
    roles: z.array(roleSchema).readonly(),
    tokens: z.array(usedTokenSchema).readonly(),
  })
  .readonly();
export type CloudState = z.infer<typeof cloudStateSchema>;
