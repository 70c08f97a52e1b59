import { z } from 'zod';
import type { PauseScope } from '../../machines/supervisor.ts';
import type { Route } from '../dashboard/server.ts';
import { Failure } from '../failure.ts';
import type { Json } from '../runtime/record.ts';
import type { Runtime } from '../runtime/types.ts';
import { type NodeReport, reportNode } from './explain.ts';
import type { NodeActor } from './fleet.ts';
import type { Supervisor } from './supervisor.ts';

const pauseBody = z.union([
  z.strictObject({ kind: z.literal('cluster') }),
  z.strictObject({ kind: z.literal('pool'), id: z.string().min(1) }),
  z.strictObject({ kind: z.literal('node'), id: z.string().min(1) }),
]);

/** What the supervisor offers over HTTP: to `wdrip get`, `explain`, `pause` and `resume`, and later to the page. */
export function supervisorRoutes(supervisor: Supervisor, runtime: Runtime): readonly Route[] {
  const report = (actor: NodeActor): NodeReport =>
    reportNode(
      actor,
      supervisor.desk.waiting(actor.context.slot),
      runtime.quarantined().get(actor.record.id) ?? null,
    );
  const find = (name: string): NodeActor => {
    const actor = supervisor.fleet.find(name);
    if (actor !== undefined) return actor;
    throw new Failure({
      kind: 'notFound',
      code: 'UnknownNode',
      message: `there is no node, instance or slot ${name}. \`wdrip get -r nodes\` lists them`,
    });
  };
  const pause = async (body: Json, paused: boolean): Promise<Json> => {
    const asked = pauseBody.safeParse(body);
    if (!asked.success)
      throw new Failure({
        kind: 'rejected',
        code: 'BadPause',
        message: `what to pause is not clear: ${asked.error.message}`,
      });
    const scope: PauseScope =
      asked.data.kind === 'node' ? { kind: 'slot', id: find(asked.data.id).context.slot } : asked.data;
    await supervisor.setPause(scope, paused);
    return { scope: { ...scope }, paused };
  };
  return [
    {
      method: 'GET',
      path: '/api/nodes',
      handle: () => ({
        sight: { ...supervisor.sight() },
        pauses: {
          cluster: supervisor.pauses().cluster,
          pools: supervisor.pauses().pools,
          slots: supervisor.pauses().slots,
        },
        stalled: asJson(runtime.stalled()),
        nodes: supervisor.fleet
          .all()
          .map((actor) => asJson(report(actor)))
          .sort(),
      }),
    },
    {
      method: 'GET',
      path: '/api/nodes/:name',
      handle: ({ params }) => asJson(report(find(params.name ?? ''))),
    },
    { method: 'POST', path: '/api/pause', handle: ({ body }) => pause(body, true) },
    { method: 'POST', path: '/api/resume', handle: ({ body }) => pause(body, false) },
  ];
}

/** Plain data, as JSON carries it. */
function asJson(data: unknown): Json {
  const copy: Json = JSON.parse(JSON.stringify(data ?? null));
  return copy;
}
