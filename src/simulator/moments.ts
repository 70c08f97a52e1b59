import type { ActorRecord } from '../runtime/record.ts';
import { maxUnavailable, type SupervisorConfig } from '../supervisor/config.ts';
import { nodeActor } from '../supervisor/fleet.ts';
import type { Beginning, Moment, NodeMoment } from './invariants.ts';
import type { SupervisorLife } from './life-of-supervisor.ts';
import type { SimulatedKubernetes } from './world/kubernetes.ts';

/** Rungs whose work takes the instance away: `repairing.rebooting.acting` and the like. */
const disruptive = /^repairing\.(rebooting|resetting|replacing)\.acting$/;

/** What the invariants look at after a step. `personCordons`: by node name, the uid of the node that a person cordoned. */
export function momentOf(
  life: SupervisorLife,
  api: SimulatedKubernetes,
  config: SupervisorConfig,
  personCordons: ReadonlyMap<string, string>,
  at: number,
): Moment {
  const nodes = life.supervisor.fleet.all().map(({ context, state }): NodeMoment => {
    const node = context.nodeName === null ? undefined : api.nodes.get(context.nodeName);
    const { slot, pool, role, permit } = context;
    return { slot, pool, role, state, permit, cordonedByWdrip: node?.cordonedBy === 'wdrip' };
  });
  const cordons = [...personCordons].flatMap(([name, uid]) => {
    const node = api.nodes.get(name);
    return node?.uid === uid ? [{ node: name, by: node.cordonedBy }] : [];
  });
  const budgets = new Map(config.pools.map((pool) => [pool.id, maxUnavailable(pool)]));
  return { at, nodes, budgets, personCordons: cordons };
}

/** The beginning of a rung's disruptive work, if this transition is one. */
export function beginningOf(
  life: SupervisorLife,
  record: ActorRecord,
  state: string,
  now: number,
  leaseSilentMs: number,
): Beginning | null {
  const rung = disruptive.exec(state)?.[1];
  if (rung === undefined) return null;
  const { context } = nodeActor(record);
  const { told } = life;
  const name = context.nodeName ?? '';
  const since = told.readySince.get(name);
  const heartbeatAt = told.view.heartbeats.get(name) ?? 0;
  const counts = heartbeatAt >= context.actedAt && now - heartbeatAt < leaseSilentMs;
  return {
    slot: context.slot,
    rung,
    readyForMs: since === undefined || !counts ? null : now - Math.max(since, context.actedAt),
    blindForMs: told.blindSince === null ? null : now - told.blindSince,
  };
}
