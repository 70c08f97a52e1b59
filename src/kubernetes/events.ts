import { createHash } from 'node:crypto';
import { type CoreV1Event, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { wallTime } from '../runtime/clock.ts';
import type { Apis } from './apis.ts';
import { FIELD_MANAGER } from './facts.ts';
import { isConflict, isNotFound } from './failures.ts';
import type { Kubernetes } from './port.ts';
import { type RetryContext, retrying } from './retry.ts';

/** Where kubelets write the events of their node, so that `kubectl describe node` shows ours beside them. */
const NAMESPACE = 'default';
/** The API refuses longer ones. */
const LONGEST_MESSAGE = 1024;
const LONGEST_REASON = 128;
/** Of a name's 253 characters, the part left for the node's name beside a dot and 16 digits of the key's hash. */
const LONGEST_NAME_START = 236;
/** Ours is the only writer of an event; meetings come from a retry of our own. */
const MOST_MEETINGS = 3;

type Entry = Parameters<Kubernetes['event']>[0];

/** See `Kubernetes.event`. The key is in the event's name, so counting up survives a restart of wdrip. */
export async function writeEvent(apis: Apis, context: RetryContext, entry: Entry): Promise<void> {
  const name = eventName(entry.node, entry.key);
  const now = new Date(wallTime(context.clock));
  const reason = entry.reason.slice(0, LONGEST_REASON);
  const message = entry.message.slice(0, LONGEST_MESSAGE);
  const first: CoreV1Event = {
    metadata: { name, namespace: NAMESPACE },
    // Kubelets give the node's name for its uid, and `kubectl describe node` looks for either.
    involvedObject: { apiVersion: 'v1', kind: 'Node', name: entry.node, uid: entry.node },
    type: entry.type,
    reason,
    message,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: FIELD_MANAGER },
    reportingComponent: FIELD_MANAGER,
    reportingInstance: FIELD_MANAGER,
  };
  const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  for (let meetings = 1; ; meetings += 1) {
    try {
      await retrying(context, async () => {
        try {
          await apis.core.createNamespacedEvent({ namespace: NAMESPACE, body: first });
        } catch (caught) {
          if (!isAlreadyThere(caught)) throw caught;
          const known = await apis.core.readNamespacedEvent({ name, namespace: NAMESPACE });
          const body = {
            metadata: { resourceVersion: known.metadata.resourceVersion },
            type: entry.type,
            reason,
            message,
            count: (known.count ?? 1) + 1,
            lastTimestamp: now.toISOString(),
          };
          await apis.core.patchNamespacedEvent({ name, namespace: NAMESPACE, body }, merge);
        }
      });
      return;
    } catch (caught) {
      // It expired between the two calls, or was counted up meanwhile: anew.
      if (meetings >= MOST_MEETINGS || !(isConflict(caught) || isNotFound(caught))) throw caught;
    }
  }
}

/** A name that is the same for the same node and key, and is allowed. */
export function eventName(node: string, key: string): string {
  const hash = createHash('sha256').update(`${node}\n${key}`).digest('hex').slice(0, 16);
  return `${node.slice(0, LONGEST_NAME_START)}.${hash}`;
}

function isAlreadyThere(caught: unknown): boolean {
  return caught instanceof Error && 'code' in caught && caught.code === 'AlreadyExists';
}
