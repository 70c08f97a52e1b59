import type { Random } from '../../runtime/random.ts';

/** How long the cloud takes over things, in ms. Each is jittered: see `jitter`. */
export interface CloudTimings {
  /** From RunInstances to Starting. */
  readonly pendingMs: number;
  /** From Starting to the boot of the instance, which then is Running. */
  readonly startingMs: number;
  /** The least that Stopping takes. */
  readonly stoppingMs: number;
  /** From the end of the old system to the boot of the new one. */
  readonly rebootMs: number;
  /** From ReplaceSystemDisk to the new, empty disk in use. */
  readonly replaceDiskMs: number;
  /** How long a released instance lingers in the lists. */
  readonly deleteMs: number;
  /** How long a soft stop or reboot waits for the units before it kills them. */
  readonly graceMs: number;
  /** How long a command to a silent agent stays undelivered before its result says so. */
  readonly deliveryMs: number;
  /** How long a system event is Executing. */
  readonly eventMs: number;
  /** Eventual consistency: how long a new instance is missing from the lists. */
  readonly invisibleMs: number;
  /** Eventual consistency: how much longer its tags are, and for how long new tags are not seen. */
  readonly tagsInvisibleMs: number;
  /** 0.2 makes each wait up to 20 % shorter or longer. Limits (`graceMs`, `deliveryMs`) are not jittered. */
  readonly jitter: number;
}

/** Near what people see of the real cloud. Orders of magnitude; never measured by us. */
export const realisticTimings: CloudTimings = Object.freeze({
  pendingMs: 3_000,
  startingMs: 10_000,
  stoppingMs: 5_000,
  rebootMs: 10_000,
  replaceDiskMs: 30_000,
  deleteMs: 5_000,
  graceMs: 60_000,
  deliveryMs: 60_000,
  eventMs: 120_000,
  invisibleMs: 0,
  tagsInvisibleMs: 0,
  jitter: 0.2,
});

/** For tests and demonstrations: the same steps, each in under a second or so. */
export const fastTimings: CloudTimings = Object.freeze({
  pendingMs: 200,
  startingMs: 300,
  stoppingMs: 200,
  rebootMs: 300,
  replaceDiskMs: 600,
  deleteMs: 300,
  graceMs: 5_000,
  deliveryMs: 800,
  eventMs: 1_000,
  invisibleMs: 0,
  tagsInvisibleMs: 0,
  jitter: 0.1,
});

/** `ms`, jittered. Whole ms. */
export function jittered(ms: number, timings: CloudTimings, random: Random): number {
  return Math.round(ms * (1 + timings.jitter * (2 * random.next() - 1)));
}
