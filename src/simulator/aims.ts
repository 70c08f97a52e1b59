import type { Random } from '../runtime/random.ts';
import { type FaultKind, pick } from './faults.ts';

/**
 * Moments of a repair at which a fault finds most: parts of a state's path. A fault that strikes blindly meets a state of seconds once in
 * thousands; one that waits for it always.
 */
const moments = [
  'suspect',
  'admitting',
  'draining',
  'confirming',
  'acting',
  'awaitingReady',
  'awaitingCloud',
  'recovering',
  'settling',
  'throttled',
  'joining',
  'held',
  'retiring',
] as const;

/** How many of the faults wait for a moment, and how long at most before they strike blindly, in ms. */
const shareAimed = 0.5;
const patienceMs = 1_200_000;
/** How long after the moment it strikes, in ms: mostly at once, else within this. */
const shareAtOnce = 0.6;
const atOnceMs = 1_500;
const laterMs = 90_000;

/** A fault that is to strike when a node comes to a moment of its repair. */
export interface Aim {
  readonly number: number;
  readonly kind: FaultKind;
  readonly moment: (typeof moments)[number];
  readonly delayMs: number;
  /** What it strikes with. */
  readonly random: Random;
  /** When it strikes whatever, in epoch ms. */
  readonly until: number;
}

/** Whether the fault waits for a moment, and for which: drawn from its own source. Null: it strikes now. */
export function drawAim(number: number, kind: FaultKind, random: Random, now: number): Aim | null {
  if (random.next() >= shareAimed) return null;
  const moment = pick(random, moments) ?? 'suspect';
  const within = random.next() < shareAtOnce ? atOnceMs : laterMs;
  const delayMs = Math.floor(random.next() * within);
  return { number, kind, moment, delayMs, random, until: now + patienceMs };
}

/** Whether a node that comes from one state to another has come to the moment. */
export function isMoment({ moment }: Aim, from: string, to: string): boolean {
  return to.split('.').includes(moment) && to !== from;
}
