import { Failure } from '../failure.ts';
import type { ActorEvent, Runtime } from '../runtime/types.ts';

/** Sends an event, and resolves when what it changed is durable. Rejects with `retryable`, `NotTaken`, if the actor takes no events now. */
export function sendDurably(
  runtime: Pick<Runtime, 'onTransition' | 'send'>,
  actor: string,
  event: ActorEvent,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = runtime.onTransition((transition) => {
      if (transition.event !== event) return;
      forget();
      resolve();
    });
    const taken = runtime.send(actor, event);
    if (taken === 'accepted') return;
    forget();
    const message = `${actor} takes no events now (${taken}): try again, and see the log`;
    reject(new Failure({ kind: 'retryable', code: 'NotTaken', message }));
  });
}
