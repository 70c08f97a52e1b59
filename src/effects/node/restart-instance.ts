import type { NodeEffects } from '../../../machines/node.ts';
import type { Instance } from '../../cloud/port.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';
import { announce } from './announce.ts';
import { bootId, make, ourInstance, poll, theInstance, unlessReady, waitForStatus } from './instance.ts';

/** What was true just before the call. Neither call takes a ClientToken: this is how it is told whether one took effect. */
interface Before {
  readonly how: 'start' | 'reboot';
  readonly startedAt: string;
  readonly bootId: string | null;
}

function isBefore(progress: unknown): progress is Before {
  return typeof progress === 'object' && progress !== null && 'how' in progress && 'startedAt' in progress;
}

/** Rung 2: starts the instance if it is stopped, or else reboots it. At most once per attempt, however often it is asked. */
export function restartInstance(world: World) {
  return async (
    input: NodeEffects['restartInstance']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['restartInstance']['output']> => {
    const { clock, signal } = context;
    const before = isBefore(context.progress) ? context.progress : null;
    // What was begun before a crash is only waited for.
    const find = before === null ? ourInstance : theInstance;
    const { id } = await find(world, input.instanceId, context);
    const instance = await waitForStatus(world, id, ['Running', 'Stopped'], clock, signal);
    const todo = before === null ? 'act' : await settle(world, instance, before, context);
    if (todo === 'done') return { at: clock.now() };

    const how = instance.status === 'Stopped' ? 'start' : 'reboot';
    const mark: Before = {
      how,
      startedAt: instance.startedAt,
      bootId: how === 'reboot' ? await bootId(world.cloud, instance.id, token(context, 'a'), signal) : null,
    };
    await context.checkpoint({ ...mark });
    announce(world, input, context, {
      type: 'Warning',
      reason: how === 'start' ? 'StartingInstance' : 'RebootingInstance',
      message:
        how === 'start'
          ? `wdrip starts the stopped instance ${instance.id}`
          : `wdrip reboots the instance ${instance.id}${input.force ? ' by force' : ''}: ${input.because}`,
      rung: 'rebooting',
    });
    const { masters } = world;
    const spare = async () => {
      if (input.role === 'controlPlane') await masters?.assertSpare(instance, context);
    };
    // An unclear answer is no error here: the look that follows decides what it did.
    await make(world, { call: how, instance: instance.id }, clock, signal, () =>
      how === 'start'
        ? world.cloud.start(instance.id, { signal })
        : world.cloud.reboot(instance.id, {
            force: input.force,
            ...unlessReady(world, input.slot, signal, spare),
          }),
    );
    return { at: await untilRunning(world, instance.id, context) };
  };
}

/** One attempt may run two commands: each has a ClientToken of its own. */
function token(context: EffectContext, suffix: string): string {
  return `${context.attempt.slice(0, 62)}-${suffix}`;
}

/**
 * A call of this attempt may have been made before the crash. Settled by looking, never by doing it again: `act` only on proof that
 * it did not take effect; what can't be proved counts as done, and the wait for Ready decides.
 */
async function settle(
  world: World,
  instance: Instance,
  before: Before,
  context: EffectContext,
): Promise<'done' | 'act'> {
  if (instance.status === 'Stopped') return 'act';
  if (before.how === 'start' || instance.startedAt !== before.startedAt) return 'done';
  if (before.bootId === null) return 'done';
  const now = await bootId(world.cloud, instance.id, token(context, 'b'), context.signal);
  return now === before.bootId ? 'act' : 'done';
}

/** An accepted reboot shows within this time, in ms; one that never shows is left to the wait for Ready. */
const showsWithinMs = 10_000;

/** Waits until the instance runs after the call, and says since when what was true before is over. */
async function untilRunning(world: World, id: string, context: EffectContext): Promise<number> {
  const calledAt = context.clock.now();
  let overAt: number | null = null;
  await poll(context.clock, context.signal, async () => {
    const { status } = await theInstance(world, id, context);
    if (status !== 'Running') overAt ??= context.clock.now();
    const shown = overAt !== null || context.clock.now() - calledAt >= showsWithinMs;
    return status === 'Running' && shown ? true : null;
  });
  return overAt ?? calledAt;
}
