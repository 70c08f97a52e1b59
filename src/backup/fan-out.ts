import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';

/** Pieces that one branch may be behind the fastest: with frames of 256 KiB, 4 MiB a region, of what does not compress. */
const QUEUE_PIECES = 16;

export interface FanOutOptions {
  readonly clock: Clock;
  /** For how long, in ms and all its waits together, one branch may hold the others back. Then it is left behind. */
  readonly patienceMs: number;
}

/** One reader's share. */
export interface FanOutBranch {
  /** Read once. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** It will not be read (any more): nothing waits for it. */
  leave(): void;
}

interface Branch {
  readonly name: string;
  readonly queue: Uint8Array[];
  /** It gets nothing any more: it was left, or left behind. */
  gone: boolean;
  failure: unknown;
  patienceMs: number;
  /** Wakes whoever waits for something in the queue. */
  wakeReader: () => void;
}

/**
 * Reads a source once and gives it to several readers. The source is read as fast as the slowest reader reads, but not slower than its
 * patience allows: a reader that has used that up gets `RegionTooSlow` (retryable) and the others go on without it. One that leaves early
 * is no loss to the others; when all are gone the source is left. What the source throws, all get.
 */
export function fanOut(
  source: AsyncIterable<Uint8Array>,
  names: readonly string[],
  options: FanOutOptions,
): readonly FanOutBranch[] {
  const branches = names.map(
    (name): Branch => ({
      name,
      queue: [],
      gone: false,
      failure: undefined,
      patienceMs: options.patienceMs,
      wakeReader: () => {},
    }),
  );
  let ended = false;
  let failed: { readonly cause: unknown } | undefined;
  let pumping = false;
  let wakePump = () => {};

  const wakeAll = () => {
    for (const branch of branches) branch.wakeReader();
  };
  const full = () => branches.filter((branch) => !branch.gone && branch.queue.length >= QUEUE_PIECES);

  /** Waits until no branch is full, at the cost of the patience with those that are. */
  const room = async () => {
    for (let slow = full(); slow.length > 0; slow = full()) {
      const began = options.clock.now();
      await new Promise<void>((resolve) => {
        const least = Math.min(...slow.map((branch) => branch.patienceMs));
        const cancel = options.clock.after(least, resolve);
        wakePump = () => {
          cancel();
          resolve();
        };
      });
      const waited = options.clock.now() - began;
      for (const branch of slow) branch.patienceMs -= waited;
      for (const branch of slow.filter(({ patienceMs }) => patienceMs <= 0)) leaveBehind(branch);
    }
  };
  const leaveBehind = (branch: Branch) => {
    branch.gone = true;
    branch.queue.length = 0;
    branch.failure = new Failure({
      kind: 'retryable',
      code: 'RegionTooSlow',
      message: `${branch.name} held the others back for ${options.patienceMs / 1000} s in all, and was left behind`,
    });
    branch.wakeReader();
  };

  const pump = async () => {
    try {
      for await (const piece of source) {
        for (const branch of branches) if (!branch.gone) branch.queue.push(piece);
        wakeAll();
        await room();
        if (branches.every(({ gone }) => gone)) return;
      }
    } catch (cause) {
      failed = { cause };
    } finally {
      ended = true;
      wakeAll();
    }
  };

  async function* read(branch: Branch): AsyncIterable<Uint8Array> {
    if (!pumping) {
      pumping = true;
      void pump();
    }
    try {
      for (;;) {
        if (branch.failure !== undefined) throw branch.failure;
        const piece = branch.queue.shift();
        if (piece) {
          wakePump();
          yield piece;
        } else if (failed) throw failed.cause;
        else if (ended) return;
        else
          await new Promise<void>((resolve) => {
            branch.wakeReader = resolve;
          });
      }
    } finally {
      leave(branch);
    }
  }
  const leave = (branch: Branch) => {
    branch.gone = true;
    branch.queue.length = 0;
    branch.wakeReader();
    wakePump();
  };

  return branches.map((branch) => ({ pieces: read(branch), leave: () => leave(branch) }));
}
