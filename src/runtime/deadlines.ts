import type { Clock } from './clock.ts';

/** One wait of one owner. It holds only as long as `isCurrent` says so: nothing is removed when a wait is called off. */
export interface Deadline<Owner> {
  readonly owner: Owner;
  /** Id of the delayed event. */
  readonly id: string;
  /** Epoch ms. */
  readonly due: number;
  /** Equal deadlines fire in the order in which they were armed, as XState's do. */
  readonly order: number;
}

/** Below this many entries, called-off ones are not worth looking for. */
const COMPACT_FROM = 1_024;

/** All the waits of all actors, in one min-heap with one timer of the clock. */
export interface Deadlines<Owner> {
  arm(owner: Owner, id: string, due: number): void;
  /** Sets the timer for the earliest deadline. Called once after a group of `arm`s. */
  settle(): void;
  stop(): void;
}

/** `fire` is called for every deadline that is due and still current, in order. */
export function createDeadlines<Owner>(options: {
  readonly clock: Clock;
  readonly isCurrent: (deadline: Deadline<Owner>) => boolean;
  readonly fire: (deadline: Deadline<Owner>) => void;
}): Deadlines<Owner> {
  const { clock, isCurrent, fire } = options;
  let heap: Deadline<Owner>[] = [];
  let order = 0;
  let compactAt = COMPACT_FROM;
  let timer: { readonly due: number; readonly cancel: () => void } | null = null;
  let stopped = false;

  function onTimer(): void {
    timer = null;
    const now = clock.now();
    for (let top = heap[0]; top && top.due <= now; top = heap[0]) {
      pop(heap);
      if (isCurrent(top)) fire(top);
    }
    settle();
  }

  function settle(): void {
    const top = heap[0];
    if (stopped || !top || (timer && timer.due <= top.due)) return;
    timer?.cancel();
    timer = { due: top.due, cancel: clock.after(top.due - clock.now(), onTimer) };
  }

  return {
    arm(owner, id, due) {
      push(heap, { owner, id, due, order: order++ });
      if (heap.length < compactAt) return;
      heap = heap.filter(isCurrent).sort((a, b) => (isBefore(a, b) ? -1 : 1));
      compactAt = Math.max(COMPACT_FROM, 2 * heap.length);
    },
    settle,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

function isBefore(a: Deadline<unknown>, b: Deadline<unknown>): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

function push<Owner>(heap: Deadline<Owner>[], item: Deadline<Owner>): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (!parent || isBefore(parent, item)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = item;
}

function pop<Owner>(heap: Deadline<Owner>[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    const right = heap[down + 1];
    let child = heap[down];
    if (!child) break;
    if (right && isBefore(right, child)) {
      child = right;
      down += 1;
    }
    if (isBefore(last, child)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
}
