import type { Clock } from '../runtime/clock.ts';
import type { KubernetesLimits } from './limits.ts';
import type { KubernetesView } from './port.ts';
import type { ViewChange } from './view.ts';

/** Tells a listener of changes: the first at the next turn of the event loop, then at a pace, however many come. */
export interface Publisher {
  note(change: ViewChange): void;
  /** Tells it now, whether something changed or not. */
  flush(): void;
  /** Forgets what was not told yet. */
  stop(): void;
}

export function createPublisher(
  clock: Clock,
  limits: KubernetesLimits,
  snapshot: () => KubernetesView,
  changed: (view: KubernetesView) => void,
): Publisher {
  let toldAt = Number.NEGATIVE_INFINITY;
  let due: { readonly at: number; readonly cancel: () => void } | null = null;
  let stopped = false;

  const cancel = () => {
    due?.cancel();
    due = null;
  };
  const tell = () => {
    cancel();
    toldAt = clock.now();
    changed(snapshot());
  };

  return {
    note(change) {
      if (change === 'nothing' || stopped) return;
      const now = clock.now();
      const at = Math.max(now, toldAt + (change === 'nodes' ? limits.nodesPaceMs : limits.heartbeatsPaceMs));
      if (due && due.at <= at) return;
      cancel();
      due = { at, cancel: clock.after(at - now, tell) };
    },
    flush: tell,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
