import type { ActorRecord } from '../runtime/record.ts';
import { maxUnavailable, type SupervisorConfig } from '../supervisor/config.ts';
import { nodeActor } from '../supervisor/fleet.ts';
import type { Beginning, Moment, NodeMoment } from './invariants.ts';
import type { SupervisorLife } from './life-of-supervisor.ts';
import type { SimulatedKubernetes } from './world/kubernetes.ts';

/** Rungs whose work takes the instance away: `repairing.rebooting.acting` and the like. */
const disruptive = /^repairing\.(rebooting|resetting|replacing)\.acting$/;

/**
 * What the invariants look at after a step: the nodes that hold a permit, and those of the slots that the step has touched. Of all others
 * nothing has changed since they were looked at. `personCordons`: by node name, the uid of the node that a person cordoned.
 */
export function momentOf(
  life: SupervisorLife,
  api: SimulatedKubernetes,
  budgets: Moment['budgets'],
  personCordons: ReadonlyMap<string, string>,
  touched: ReadonlySet<string>,
  at: number,
): Moment {
  const { fleet } = life.supervisor;
  const slots = new Set([...fleet.permits().keys(), ...touched]);
  const nodes = [...slots].flatMap((slot): readonly NodeMoment[] => {
    const actor = fleet.get(slot);
    if (actor === undefined) return [];
    const { pool, role, permit, nodeName } = actor.context;
    const node = nodeName === null ? undefined : api.nodes.get(nodeName);
    return [{ slot, pool, role, state: actor.state, permit, cordonedByWdrip: node?.cordonedBy === 'wdrip' }];
  });
  const cordons = [...personCordons].flatMap(([name, uid]) => {
    const node = api.nodes.get(name);
    return node?.uid === uid ? [{ node: name, by: node.cordonedBy }] : [];
  });
  const quorumPermit = life.supervisor.controlPlane?.context()?.permit ?? null;
  return { at, nodes, quorumPermit, budgets, personCordons: cordons };
}

/** By pool: how many of its nodes may be away. */
export function budgetsOf(config: SupervisorConfig): Map<string, number> {
  return new Map(config.pools.map((pool) => [pool.id, maxUnavailable(pool)]));
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
  const heartbeatAt = told.view.heartbeatAt(name) ?? 0;
  const counts = heartbeatAt >= context.actedAt && now - heartbeatAt < leaseSilentMs;
  return {
    slot: context.slot,
    rung,
    readyForMs: since === undefined || !counts ? null : now - Math.max(since, context.actedAt),
    blindForMs: told.blindSince === null ? null : now - told.blindSince,
  };
}
