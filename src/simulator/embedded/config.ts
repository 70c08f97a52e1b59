import type { SupervisorConfig } from '../../supervisor/config.ts';
import { simulatedConfig } from '../config.ts';

/** The cluster that `npm start` shows: small enough to be seen at a glance, large enough for a storm and a zone that fails. */
export const embedded = {
  cluster: 'demo',
  masters: 3,
  workers: 12,
  zones: ['zone-a', 'zone-b'],
} as const;

/** Everything is as by default; only the names are its own. */
export function embeddedConfig(): SupervisorConfig {
  return {
    ...simulatedConfig(embedded.workers, embedded.zones, embedded.masters),
    cluster: embedded.cluster,
  };
}
