import type { Runtime } from '../runtime/types.ts';
import type { SupervisorConfig } from './config.ts';
import { actorIds } from './fleet.ts';

/** Has the backups' actor made, or tells it its schedule anew: what was planned when the last supervisor ended may be long over. */
export function configureBackups(config: SupervisorConfig, runtime: Runtime, at: number): void {
  if (config.backup === undefined) return;
  const { schedule, policy } = config.backup;
  if (runtime.record(actorIds.backup) === undefined)
    runtime.send(actorIds.supervisor, {
      type: 'BACKUP_CONFIGURED',
      at,
      id: actorIds.backup,
      input: { cluster: config.cluster, schedule, policy: { ...policy } },
    });
  else runtime.send(actorIds.backup, { type: 'SCHEDULE_CHANGED', at, schedule });
}
