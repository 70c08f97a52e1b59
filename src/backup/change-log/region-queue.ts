import { type FailureData, toFailure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { withDeadline } from '../deadline.ts';
import type { ObjectStore } from '../objects/port.ts';
import { writeOnce } from '../regions.ts';
import type { SealedSegment } from './segment.ts';
import { segmentKey } from './segment-name.ts';

/** How long one segment's upload may take, in ms: it is 4 MiB at most, and mostly some KiB. */
const PUT_MS = 15_000;
/** Waits between attempts, in ms: a region that is away for long is asked every ten seconds. */
const WAITS_MS: readonly number[] = [500, 1_000, 2_000, 5_000, 10_000];
/** What may wait for one region, in bytes: two segments of the greatest size, or minutes of ordinary ones. */
const QUEUE_BYTES = 8 * 1024 * 1024;

/** How one region does. */
export interface RegionShipping {
  readonly region: string;
  /** It has everything up to here, but for what was left out. 0: nothing yet. */
  readonly revision: number;
  readonly waiting: number;
  /** Segments that only the other regions have, since this one was away for too long. */
  readonly leftOut: number;
  /** Of the last attempt; null once one succeeded. */
  readonly failure: FailureData | null;
}

export interface RegionQueue {
  offer(segment: SealedSegment): void;
  figures(): RegionShipping;
  /** Resolves when the signal has been aborted and nothing is under way any more. */
  readonly ended: Promise<void>;
}

export interface RegionQueueOptions {
  readonly store: ObjectStore;
  readonly cluster: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Another region has it, so that this one may leave it out. */
  isSafe(segment: SealedSegment): boolean;
  onShipped(segment: SealedSegment, region: string): void;
}

/** Sends segments to one region, one after the other, each until it is there. */
export function createRegionQueue(options: RegionQueueOptions): RegionQueue {
  const { store, cluster, clock, signal } = options;
  const queue: SealedSegment[] = [];
  let revision = 0;
  let leftOut = 0;
  let failure: FailureData | null = null;
  let wake = () => {};

  const send = async (segment: SealedSegment): Promise<boolean> => {
    try {
      await withDeadline(clock, PUT_MS, `a segment to ${store.region}`, signal, (own) =>
        writeOnce(store, segmentKey(cluster, segment.name), segment.stored, own),
      );
      failure = null;
      return true;
    } catch (caught) {
      failure = toFailure(caught);
      return false;
    }
  };
  const run = async () => {
    for (let attempt = 0; !signal.aborted; ) {
      const [segment] = queue;
      if (!segment) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (await send(segment)) {
        attempt = 0;
        if (queue[0] === segment) queue.shift();
        revision = Math.max(revision, segment.header.last);
        options.onShipped(segment, store.region);
      } else {
        const wait = WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)] ?? 0;
        attempt += 1;
        await sleep(clock, wait, signal).catch(() => undefined);
      }
    }
  };
  signal.addEventListener('abort', () => wake(), { once: true });

  return {
    offer(segment) {
      queue.push(segment);
      let bytes = queue.reduce((sum, { stored }) => sum + stored.length, 0);
      // The oldest go first: what is missing here is then one piece.
      for (let first = queue[0]; bytes > QUEUE_BYTES && first && options.isSafe(first); first = queue[0]) {
        bytes -= first.stored.length;
        queue.shift();
        leftOut += 1;
      }
      wake();
    },
    figures: () => ({ region: store.region, revision, waiting: queue.length, leftOut, failure }),
    ended: run(),
  };
}
