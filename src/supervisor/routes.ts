import { z } from 'zod';
import type { PauseScope } from '../../machines/supervisor.ts';
import type { Route } from '../dashboard/route.ts';
import { Failure } from '../failure.ts';
import type { Json } from '../runtime/record.ts';
import { type NodeReport, reportNode } from './explain.ts';
import type { NodeActor } from './fleet.ts';
import { pageView } from './page-view.ts';
import { currentOf, type Subject } from './subject.ts';

const pauseBody = z.union([
  z.strictObject({ kind: z.literal('cluster') }),
  z.strictObject({ kind: z.literal('pool'), id: z.string().min(1) }),
  z.strictObject({ kind: z.literal('node'), id: z.string().min(1) }),
]);

/** Lines of the cluster's story in one answer: more than fit on a screen, and few enough to read. */
const storyLines = 100;

/** What the supervisor offers over HTTP: to `wdrip get`, `explain`, `pause` and `resume`, and to the page. */
export function supervisorRoutes(subject: Subject): readonly Route[] {
  const now = () => currentOf(subject);
  const report = (actor: NodeActor): NodeReport => {
    const { supervisor, runtime } = now();
    return reportNode(
      actor,
      supervisor.desk.waiting(actor.context.slot),
      runtime.quarantined().get(actor.record.id) ?? null,
    );
  };
  const find = (name: string): NodeActor => {
    const actor = now().supervisor.fleet.find(name);
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
    await now().supervisor.setPause(scope, paused);
    return { scope: { ...scope }, paused };
  };
  return [
    { kind: 'feed', method: 'GET', path: '/api/live', look: pageView(subject) },
    {
      method: 'GET',
      path: '/api/nodes',
      handle: () => {
        const { supervisor, runtime } = now();
        return asJson({
          now: subject.clock.now(),
          cluster: subject.cluster,
          sight: supervisor.sight(),
          pauses: supervisor.pauses(),
          stalled: runtime.stalled(),
          nodes: supervisor.fleet.all().map(report),
        });
      },
    },
    {
      method: 'GET',
      path: '/api/nodes/:name',
      handle: ({ params }) => asJson({ now: subject.clock.now(), ...report(find(params.name ?? '')) }),
    },
    {
      method: 'GET',
      path: '/api/nodes/:name/story',
      handle: ({ params }) => {
        const name = params.name ?? '';
        // A slot's story is there also while no supervisor runs.
        const told = subject.chronicle.of(name);
        return asJson(told.length > 0 ? told : subject.chronicle.of(find(name).context.slot));
      },
    },
    { method: 'GET', path: '/api/story', handle: () => asJson(subject.chronicle.newest(storyLines)) },
    { method: 'POST', path: '/api/pause', handle: ({ body }) => pause(body, true) },
    { method: 'POST', path: '/api/resume', handle: ({ body }) => pause(body, false) },
  ];
}

/** Plain data, as JSON carries it. */
function asJson(data: unknown): Json {
  const copy: Json = JSON.parse(JSON.stringify(data ?? null));
  return copy;
}
