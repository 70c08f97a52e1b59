import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { Failure } from '../failure.ts';
import type { Apis } from './apis.ts';
import type { Connection } from './connection.ts';
import { cordonIsOurs, FIELD_MANAGER, type NodeObject, nodeSchema } from './facts.ts';
import { isConflict, isNotFound } from './failures.ts';
import { parseJsonAs } from './list.ts';
import { kubernetesNames } from './port.ts';
import { type RetryContext, retrying } from './retry.ts';

/** What the writes to a Node need. */
export interface NodeWrites {
  readonly connection: Connection;
  readonly apis: Apis;
  readonly context: RetryContext;
  /** Once it is aborted nothing is sent any more. */
  readonly signal?: AbortSignal | undefined;
}

/** A Node changes by itself only every few seconds: five meetings in a row are not chance. */
const MOST_CONFLICTS = 5;

/** The Node object as it is in etcd now. Throws `Failure` `notFound`. */
export function readNode({ connection, context, signal }: NodeWrites, name: string): Promise<NodeObject> {
  const asked = { method: 'GET', url: connection.url(`/api/v1/nodes/${encodeURIComponent(name)}`) };
  return retrying(
    context,
    async () => {
      const answer = await connection.request({ ...asked, timeoutMs: context.limits.callMs });
      return parseJsonAs(nodeSchema, answer.body, asked);
    },
    signal,
  );
}

/** Sends a merge patch to a Node. With a `resourceVersion` in it, it fails with a conflict if the Node has changed since. */
async function patchNode({ apis, context, signal }: NodeWrites, name: string, patch: object): Promise<void> {
  const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  await retrying(
    context,
    () => {
      signal?.throwIfAborted();
      return apis.core.patchNode({ name, body: patch, fieldManager: FIELD_MANAGER }, merge);
    },
    signal,
  );
}

/**
 * Reads the node, decides, and patches exactly what was read; anew if somebody else was faster. So of a person's cordon and ours at the
 * same moment one comes first, and the other sees it.
 */
async function decideAndPatch(
  writes: NodeWrites,
  name: string,
  decide: (node: NodeObject) => { readonly spec?: object; readonly cordoned: string | null } | null,
): Promise<void> {
  for (let conflicts = 0; ; conflicts += 1) {
    const node = await readNode(writes, name);
    const decision = decide(node);
    if (decision === null) return;
    const metadata = {
      resourceVersion: node.metadata.resourceVersion,
      annotations: { [kubernetesNames.cordoned]: decision.cordoned },
    };
    try {
      await patchNode(writes, name, { metadata, ...(decision.spec ? { spec: decision.spec } : {}) });
      return;
    } catch (caught) {
      if (!isConflict(caught)) throw caught;
      if (conflicts + 1 >= MOST_CONFLICTS) {
        const message = `Node ${name} was changed by others ${MOST_CONFLICTS} times while wdrip wanted to change it`;
        throw new Failure({ kind: 'retryable', code: 'Conflict', message }, { cause: caught });
      }
    }
  }
}

/** See `Kubernetes.cordon`. Throws `Failure`, also `notFound`. */
export function cordon(writes: NodeWrites, name: string, mark: string): Promise<void> {
  return decideAndPatch(writes, name, (node) =>
    node.spec?.unschedulable === true ? null : { spec: { unschedulable: true }, cordoned: mark },
  );
}

/** See `Kubernetes.uncordon`. A mark that no cordon of ours belongs to any more is removed. */
export async function uncordon(writes: NodeWrites, name: string): Promise<void> {
  try {
    await decideAndPatch(writes, name, (node) => {
      if (node.metadata.annotations?.[kubernetesNames.cordoned] === undefined) return null;
      const isOurs = node.spec?.unschedulable === true && cordonIsOurs(node);
      return isOurs ? { spec: { unschedulable: null }, cordoned: null } : { cordoned: null };
    });
  } catch (caught) {
    if (!isNotFound(caught)) throw caught;
  }
}

/** See `Kubernetes.annotate`. */
export async function annotate(
  writes: NodeWrites,
  name: string,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  try {
    await patchNode(writes, name, { metadata: { annotations } });
  } catch (caught) {
    if (!isNotFound(caught)) throw caught;
  }
}

/**
 * See `Kubernetes.deleteNode`. Deletes the object that is there now and no later one: a retry after an unclear answer must not take away
 * the Node that the kubelet has registered meanwhile.
 */
export async function deleteNode(writes: NodeWrites, name: string): Promise<void> {
  try {
    const { metadata } = await readNode(writes, name);
    const body = metadata.uid === undefined ? {} : { preconditions: { uid: metadata.uid } };
    const { context, apis, signal } = writes;
    const asked = () => {
      signal?.throwIfAborted();
      return apis.core.deleteNode({ name, body });
    };
    await retrying(context, asked, signal);
  } catch (caught) {
    if (!isNotFound(caught) && !isConflict(caught)) throw caught;
  }
}
