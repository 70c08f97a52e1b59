import type { IRequestOp } from 'etcd3';
import type { Connections } from './connections.ts';
import { deadlines, mostOperations } from './limits.ts';
import { numberOf, signedDecimalOf } from './numbers.ts';
import type { Applied, Asking, Change, Endpoint, RevisionChanges } from './port.ts';

const leaseUnknown = 'requested lease not found';
const leaseKnown = 'lease already exists';

/** The port's `apply`. */
export async function applyChanges(
  connections: Connections,
  endpoints: readonly Endpoint[],
  revisions: readonly RevisionChanges[],
  options: Asking & { readonly leaseSeconds: number },
): Promise<Applied> {
  let [revision, transactions] = [0, 0];
  for (const each of revisions)
    for (let from = 0; from < each.changes.length; from += mostOperations) {
      revision = await applyOne(
        connections,
        endpoints,
        each.changes.slice(from, from + mostOperations),
        `revision ${each.revision} again`,
        options,
      );
      transactions += 1;
    }
  return { revision, transactions };
}

async function applyOne(
  connections: Connections,
  endpoints: readonly Endpoint[],
  changes: readonly Change[],
  what: string,
  options: Asking & { readonly leaseSeconds: number },
): Promise<number> {
  const write = () =>
    connections.askOneOf(endpoints, false, (endpoint) =>
      connections.ask(endpoint, what, deadlines.change, options, (client, call) =>
        client.kv.txn({ success: changes.map(operationOf) }, call),
      ),
    );
  const { header } = await write().catch(async (caught: unknown) => {
    if (!(caught instanceof Error) || !caught.message.includes(leaseUnknown)) throw caught;
    await grantLeases(connections, endpoints, changes, options);
    return write();
  });
  return numberOf(header.revision, 'a revision');
}

/** Grants every lease of these changes that is not there, under its old id. */
async function grantLeases(
  connections: Connections,
  endpoints: readonly Endpoint[],
  changes: readonly Change[],
  options: Asking & { readonly leaseSeconds: number },
): Promise<void> {
  const leases = new Set(changes.flatMap((change) => (change.type === 'put' ? (change.lease ?? []) : [])));
  for (const lease of leases)
    await connections
      .askOneOf(endpoints, false, (endpoint) =>
        connections.ask(endpoint, `lease ${lease}`, deadlines.change, options, (client, call) =>
          client.leaseClient.leaseGrant({ ID: signedDecimalOf(lease), TTL: options.leaseSeconds }, call),
        ),
      )
      .catch((caught: unknown) => {
        if (!(caught instanceof Error) || !caught.message.includes(leaseKnown)) throw caught;
      });
}

function operationOf(change: Change): IRequestOp {
  const key = bufferOf(change.key);
  if (change.type === 'delete') return { request_delete_range: { key } };
  const lease = change.lease === null ? {} : { lease: signedDecimalOf(change.lease) };
  return { request_put: { key, value: bufferOf(change.value), ...lease } };
}

/** The same bytes, not a copy. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
