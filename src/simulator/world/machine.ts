import type { Instance } from '../../cloud/port.ts';

/** One simulated instance: what the cloud shows of it, and what only its inside knows. */
export interface Machine {
  instance: Instance;
  userData: string;
  /** How often it has booted, and the user data of its first boots, in order. */
  boots: number;
  readonly firstBoots: string[];
  /** The next boot finds an empty disk. */
  freshDisk: boolean;
  agentAlive: boolean;
  /** Until when a system event of the cloud's own executes, in epoch ms. */
  eventUntil: number;
  /** Counts the changes of state, so that a timer of an earlier one finds that it is late. */
  moves: number;
  /** It was deleted, and will be gone in a moment. */
  releasing: boolean;
  readonly bornAt: number;
  /** When somebody other than wdrip last stopped, booted or deleted it, in epoch ms; 0: nobody did. */
  movedByOthersAt: number;
  /** What a list that is late still shows, oldest first: each until when it was true, in epoch ms. Short. */
  past: readonly { readonly instance: Instance; readonly until: number }[];
}

/** A time as ECS tells it: to the minute, UTC. */
export function toTheMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** Addresses of the simulated network, in the order of birth: 10.a.b.c. */
export function addressOf(count: number): string {
  return `10.${(count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}`;
}
