import type { Log } from '../log.ts';
import type { Transition } from '../runtime/types.ts';
import { nodeActor, statePath } from './fleet.ts';

/** One line for each change of state of an actor: read from top to bottom it is the story of a repair. */
export function tellStory(log: Log, { actor, event, before, after }: Transition): void {
  const from = before === null ? 'nothing' : statePath(before.snapshot.value);
  const to = statePath(after.snapshot.value);
  if (from === to) return;
  if (after.machine !== 'node') {
    log.info(`${actor}: ${from} → ${to}`, { event: event.type });
    return;
  }
  const { context } = nodeActor(after);
  log.info(`${context.slot}: ${from} → ${to}`, {
    event: event.type,
    node: context.nodeName ?? undefined,
    failure: before === null || context.failure === null ? undefined : context.failure.code,
  });
}
