import { z } from 'zod';
import type { Route } from '../../dashboard/route.ts';
import { Failure } from '../../failure.ts';
import type { Json } from '../../runtime/record.ts';
import { breakagesAround, nodeBreakages } from './breakages.ts';
import type { EmbeddedCluster } from './cluster.ts';
import type { Outages } from './outages.ts';
import { breakQuorum, quorumBreakages } from './quorum-breakages.ts';
import { speeds } from './speeds.ts';

const breakBody = z.strictObject({ breakage: z.string(), node: z.string().optional() });
const speedBody = z.strictObject({ speed: z.number() });

/** What the head of the page's feed says of the laboratory: its speed, and what is broken around the nodes for a while. */
export function labState(cluster: EmbeddedCluster, outages: Outages): Json {
  const underWay = outages.underWay().flatMap(({ id, until }) => {
    const did = [...breakagesAround, ...quorumBreakages].find((each) => each.id === id)?.did;
    return did === undefined ? [] : [{ id, did, until }];
  });
  return { speed: cluster.clock.speed(), speeds: [...speeds], underWay };
}

/** What only the embedded cluster offers over HTTP: to break things, to end that, and to let time go faster. */
export function labRoutes(cluster: EmbeddedCluster, outages: Outages): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/lab',
      handle: () =>
        [...nodeBreakages, ...quorumBreakages, ...breakagesAround].map(({ id, group, label, hint }) => ({
          id,
          group,
          label,
          hint,
        })),
    },
    {
      method: 'POST',
      path: '/api/lab/break',
      handle({ body }) {
        const { breakage, node } = parsed(
          breakBody,
          body,
          '{"breakage": ID} or {"breakage": ID, "node": SLOT}',
        );
        const around = breakagesAround.find(({ id }) => id === breakage);
        if (around !== undefined) {
          cluster.tell(null, `you ${around.did}`, 'trouble');
          around.act(cluster, outages);
          return { broken: breakage };
        }
        const ofQuorum = quorumBreakages.find(({ id }) => id === breakage);
        if (ofQuorum !== undefined) {
          const slot = breakQuorum(cluster, outages, ofQuorum, node ?? null);
          cluster.tell(slot, `you ${ofQuorum.did}`, 'trouble');
          return { broken: breakage, ...(slot === null ? {} : { node: slot }) };
        }
        const ofNode = nodeBreakages.find(({ id }) => id === breakage);
        if (ofNode === undefined)
          throw new Failure({
            kind: 'notFound',
            code: 'UnknownBreakage',
            message: `there is no breakage ${breakage}: GET /api/lab lists them`,
          });
        const found = cluster
          .machines()
          .find(({ slot, machine }) => slot === node || machine.instance.id === node);
        if (found === undefined)
          throw new Failure({
            kind: 'notFound',
            code: 'UnknownNode',
            message:
              node === undefined ? `${breakage} needs a node` : `there is no instance in a slot ${node} now`,
          });
        cluster.tell(found.slot, `you ${ofNode.did}`, 'trouble');
        ofNode.act(cluster, found.machine, outages);
        return { broken: breakage, node: found.slot };
      },
    },
    {
      method: 'POST',
      path: '/api/lab/calm',
      handle() {
        outages.calm();
        return { calm: true };
      },
    },
    {
      method: 'POST',
      path: '/api/lab/speed',
      handle({ body }) {
        const asked = parsed(speedBody, body, '{"speed": NUMBER}').speed;
        const speed = speeds.find((each) => each === asked);
        if (speed === undefined)
          throw new Failure({
            kind: 'rejected',
            code: 'UnknownSpeed',
            message: `the speed is one of ${speeds.join(', ')}, not ${asked}`,
          });
        cluster.clock.setSpeed(speed);
        return { speed };
      },
    },
  ];
}

function parsed<T>(schema: z.ZodType<T>, body: Json, what: string): T {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  throw new Failure({ kind: 'rejected', code: 'BadRequest', message: `the body must be ${what}` });
}
