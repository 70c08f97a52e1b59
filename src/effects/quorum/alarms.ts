import type { Alarm, Endpoint } from '../../etcd/port.ts';
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
