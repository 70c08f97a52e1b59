import type { StormContext, StormInput } from '../../machines/storm.ts';
import type { ActorRecord } from '../runtime/record.ts';
import type { Runtime } from '../runtime/types.ts';
import type { SupervisorConfig } from './config.ts';
import { actorIds, type ScopeCount, scopesOf, statePath } from './fleet.ts';

/** The worst of the storms that a node is in. */
export type Storming =
  | { readonly state: 'calm' }
  | { readonly state: 'holding' | 'confirming'; readonly scope: string };

interface Scoped {
  readonly pool: string;
  readonly zone: string;
}

/** What the breaker of a scope is started with. */
export function stormInput(scope: string, numbers: SupervisorConfig['supervisor']): StormInput {
  return {
    scope,
    percent: scope.startsWith('zone/') ? numbers.zoneStormPercent : numbers.stormPercent,
    floor: numbers.stormFloor,
    holdMs: numbers.stormHoldMs,
  };
}

/** Tells each breaker its scope's counts, if they changed since it last heard. */
export function tellStorms(runtime: Runtime, counts: ReadonlyMap<string, ScopeCount>, at: number): void {
  for (const [scope, { notReady, total }] of counts) {
    const record = runtime.record(actorIds.storm(scope));
    if (record === undefined) continue;
    const known = stormContext(record);
    if (known.notReady !== notReady || known.total !== total)
      runtime.send(record.id, { type: 'NODES_COUNTED', at, notReady, total });
  }
}

/** `holding` anywhere is worse than `confirming`, and that is worse than calm. */
function worstStorm(runtime: Runtime, context: Scoped): Storming {
  let worst: Storming = { state: 'calm' };
  for (const scope of scopesOf(context)) {
    const record = runtime.record(actorIds.storm(scope));
    const state = record === undefined ? 'calm' : statePath(record.snapshot.value);
    if (state === 'holding') return { state, scope };
    if (state === 'confirming') worst = { state, scope };
  }
  return worst;
}

/** The same for one look: each pool with each zone is asked for once. */
export function stormsNow(runtime: Runtime): (context: Scoped) => Storming {
  const byPool = new Map<string, Map<string, Storming>>();
  return (context) => {
    const byZone = byPool.get(context.pool) ?? new Map<string, Storming>();
    byPool.set(context.pool, byZone);
    const known = byZone.get(context.zone) ?? worstStorm(runtime, context);
    byZone.set(context.zone, known);
    return known;
  };
}

/** The runtime has checked the record's machine and version, so its context is what it says. */
function stormContext(record: ActorRecord): StormContext {
  return record.snapshot.context as unknown as StormContext;
}
