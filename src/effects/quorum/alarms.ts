import type { Alarm, Endpoint } from '../../etcd/port.ts';
import { Failure } from '../../failure.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { QuorumWorld } from './world.ts';

type Parts = Pick<QuorumWorld, 'etcd' | 'log'>;
type Watched = Pick<EffectContext, 'signal'>;

/** Of members that are gone: their alarms stay in etcd, which refuses every write for them as if they were still there. */
export async function liftAlarms(
  { etcd, log }: Parts,
  endpoints: readonly Endpoint[],
  alarms: readonly Alarm[],
  { signal }: Watched,
): Promise<void> {
  for (const alarm of alarms) {
    log.warn('the alarm of an etcd member that is gone is lifted', {
      member: alarm.memberId,
      alarm: alarm.kind,
    });
    await etcd.disarm(endpoints, alarm, { signal });
  }
}

/** Compacts up to the revision, and defragments these members one after the other: one answers nothing meanwhile. */
export async function makeRoom(
  { etcd, log }: Parts,
  endpoints: readonly Endpoint[],
  members: readonly Endpoint[],
  revision: number,
  { signal }: Watched,
): Promise<void> {
  log.warn("etcd's store is full: compacting and defragmenting", { members: members.length });
  await etcd.compact(endpoints, revision, { signal }).catch((caught: unknown) => {
    if (!(caught instanceof Failure) || caught.code !== 'Compacted') throw caught;
  });
  for (const member of members) await etcd.defragment(member, { signal });
}
