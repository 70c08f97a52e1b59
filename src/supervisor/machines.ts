import { machines } from '../../machines/index.ts';
import type { Json } from '../runtime/record.ts';
import type { MachineEntry } from '../runtime/types.ts';
import { actorIds } from './fleet.ts';

/**
 * By machine: the fields of its context that hold a time of the supervisor's clock, in epoch ms. When that clock was set back while the
 * supervisor was down, they move back with everything else (docs/decisions/clocks.md).
 */
const timesInContext: Readonly<Record<string, readonly string[]>> = { node: ['actedAt'] };

/** The machines that the supervisor's runtime runs, with the migrations of their records: none yet, all are at version 1. */
export const machineEntries: Readonly<Record<string, MachineEntry>> = Object.fromEntries(
  Object.entries(machines).map(([name, { machine, version }]): [string, MachineEntry] => {
    const times = timesInContext[name] ?? [];
    const moveBack = (context: Json, byMs: number) => earlier(context, times, byMs);
    return [name, { machine, version, migrations: {}, ...(times.length > 0 ? { moveBack } : {}) }];
  }),
);

/** The fields with these names, `byMs` earlier; those that are not set stay so. */
function earlier(context: Json, times: readonly string[], byMs: number): Json {
  if (typeof context !== 'object' || context === null) return context;
  const moved = Object.entries(context).map(([key, value]) => [
    key,
    times.includes(key) && typeof value === 'number' ? value - byMs : value,
  ]);
  return Object.fromEntries(moved);
}

/**
 * What to start in place of an actor whose record was set aside. A node starts with all its attempts used up, so that it waits and does not
 * destroy (safety 21). Its pool and zone are not known any more: they are read off the slot's name and corrected when the slot is found.
 */
export function onSetAside(cluster: string) {
  return (id: string): { readonly machine: string; readonly input: Json } | undefined => {
    if (id === actorIds.supervisor) return { machine: 'supervisor', input: { cluster } };
    const prefix = actorIds.node('');
    if (!id.startsWith(prefix)) return undefined;
    const slot = id.slice(prefix.length);
    const pool = slot.replace(/-\d+$/, '');
    const base = { slot, pool, zone: '', nodeName: null, instanceId: null, policy: {}, usedUp: true };
    return {
      machine: 'node',
      input: { ...base, role: pool === 'control-plane' ? 'controlPlane' : 'worker' },
    };
  };
}
