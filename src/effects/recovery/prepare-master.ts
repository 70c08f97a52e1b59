import type { RecoveryEffects } from '../../../machines/recovery.ts';
import { Failure } from '../../failure.ts';
import type { Json } from '../../runtime/record.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { ourInstance, persist } from '../node/instance.ts';
import type { Master } from '../quorum/world.ts';
import type { RecoveryWorld } from './world.ts';

/** A body that is being made for a slot, in place of one that is of no use or of none: a crash carries it on. */
interface Begun {
  readonly slot: string;
  readonly inPlaceOf: string | null;
  /** Of the creation itself. */
  readonly progress: Json;
}

function isBegun(progress: unknown): progress is Begun {
  return typeof progress === 'object' && progress !== null && 'slot' in progress && 'inPlaceOf' in progress;
}

/** Masters whose instance runs: those that can be told anything. */
export async function running(
  world: RecoveryWorld,
  { clock, signal }: EffectContext,
): Promise<readonly Master[]> {
  const masters = await persist(clock, signal, () => world.masters(signal));
  return masters.filter(({ instance, ip }) => instance.status === 'Running' && ip !== null);
}

/**
 * The survivor itself. For a backup the first master that answers and whose disk takes writes; else a new body for a slot that has none;
 * else a new body in place of one whose data is proven lost and whose disk takes no writes. Throws `NoMaster` (retryable) if none of it
 * is possible: what is there says nothing, and may come back.
 */
export function prepareMaster(
  world: RecoveryWorld,
): (
  input: RecoveryEffects['prepareMaster']['input'],
  context: EffectContext,
) => Promise<RecoveryEffects['prepareMaster']['output']> {
  return async ({ source }, context) => {
    const done = (slot: string, instanceId: string) => ({ at: context.clock.now(), slot, instanceId });
    if (source.kind === 'member') {
      await ourInstance(world, source.instanceId, context);
      return done(source.slot, source.instanceId);
    }
    const { slot, instance } = await bodyForData(world, context);
    return done(slot, instance.id);
  };
}

async function bodyForData(world: RecoveryWorld, context: EffectContext): Promise<Master> {
  if (isBegun(context.progress)) return made(world, context.progress, context);
  const { usable, worn } = await lookedAt(world, await running(world, context), context);
  if (usable !== null) return usable;
  const masters = await persist(context.clock, context.signal, () => world.masters(context.signal));
  const free = await slotWithoutBody(world, masters, context);
  if (free !== null) return made(world, { slot: free, inPlaceOf: null, progress: null }, context);
  if (worn === null)
    throw new Failure({
      kind: 'retryable',
      code: 'NoMaster',
      message:
        'no master can be given the data: every slot has a body, and none whose disk takes writes, or whose data is proven lost, answers',
    });
  world.log.warn('the disk of a master takes no writes, and its data is lost: it is replaced', {
    slot: worn.slot,
    instance: worn.instance.id,
  });
  return made(world, { slot: worn.slot, inPlaceOf: worn.instance.id, progress: null }, context);
}

/** The first whose disk takes writes; and the first whose does not, if its data is proven lost. */
async function lookedAt(
  world: RecoveryWorld,
  masters: readonly Master[],
  context: EffectContext,
): Promise<{ readonly usable: Master | null; readonly worn: Master | null }> {
  let worn: Master | null = null;
  for (const master of masters) {
    const found = await world.host.lookAtData(master.instance.id, context);
    if (found.kind === 'unknown') continue;
    if (found.writesFail === '') return { usable: master, worn: null };
    if (found.kind !== 'present') worn ??= master;
  }
  return { usable: null, worn };
}

/** Absence from a list proves nothing (safety 3): the cloud is asked for the body that the slot was last seen with. */
async function slotWithoutBody(
  world: RecoveryWorld,
  masters: readonly Master[],
  { clock, signal }: EffectContext,
): Promise<string | null> {
  const taken = new Set(masters.map(({ slot }) => slot));
  for (const slot of world.slots) {
    if (taken.has(slot)) continue;
    const last = world.bodyOf(slot);
    if (last === null || (await persist(clock, signal, () => world.cloud.findInstance(last))) === null)
      return slot;
  }
  return null;
}

/** The old body goes first, for certain: two of one slot would be taken for each other. */
async function made(world: RecoveryWorld, begun: Begun, context: EffectContext): Promise<Master> {
  const { slot, inPlaceOf } = begun;
  if (inPlaceOf !== null) {
    await context.checkpoint({ ...begun });
    await world.removeMaster(inPlaceOf, context);
  }
  const master = await world.createMaster(slot, {
    ...context,
    progress: begun.progress,
    checkpoint: (progress) => context.checkpoint({ slot, inPlaceOf, progress }),
  });
  await world.host.untilSetUp(master.instance.id, context);
  return master;
}
