import type { Clock } from '../runtime/clock.ts';
import type { KubernetesLimits } from './limits.ts';
import type { TouchedNodes } from './port.ts';
import type { ViewChange } from './view.ts';

/** Tells a listener of changed nodes: the first at the next turn of the event loop, then at a pace, however many come. */
export interface Publisher {
  note(change: ViewChange): void;
  /** Tells it now that all may have changed, whether anything did or not. */
  flush(): void;
  /** Forgets what was not told yet. */
  stop(): void;
}

export function createPublisher(
  clock: Clock,
  limits: KubernetesLimits,
  takeTouched: () => TouchedNodes,
  changed: (touched: TouchedNodes) => void,
): Publisher {
  let toldAt = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | null = null;
  let stopped = false;

  const tell = (touched: TouchedNodes) => {
    cancel?.();
    cancel = null;
    toldAt = clock.now();
    changed(touched);
  };

  return {
    note(change) {
      if (change !== 'nodes' || stopped) return;
      cancel ??= clock.after(toldAt + limits.nodesPaceMs - clock.now(), () => tell(takeTouched()));
    },
    flush() {
      takeTouched();
      tell('all');
    },
    stop() {
      stopped = true;
      cancel?.();
      cancel = null;
    },
  };
}
