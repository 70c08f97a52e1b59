import { z } from 'zod';
import type { Apis } from './apis.ts';
import type { Connection } from './connection.ts';
import { isConflict, isNotFound } from './failures.ts';
import { listAll } from './list.ts';
import { inParallel } from './parallel.ts';
import { podsOn } from './pods.ts';
import { type RetryContext, retrying } from './retry.ts';

/** Deletions at once: the same reasoning as for evictions. */
const DELETIONS_AT_ONCE = 16;

const VOLUME_ATTACHMENTS = {
  path: '/apis/storage.k8s.io/v1/volumeattachments',
  item: z.object({
    metadata: z.object({ name: z.string().min(1), uid: z.string().min(1) }),
    spec: z.object({ nodeName: z.string() }),
  }),
};

/**
 * See `Kubernetes.releasePods`. Pods first: the attach-detach controller lets a volume go only when no pod holds it. Each deletion names
 * the uid that was seen, so that a StatefulSet's new pod of the same name is safe from a retry.
 */
export async function releasePods(
  connection: Connection,
  apis: Apis,
  context: RetryContext,
  node: string,
  signal?: AbortSignal,
): Promise<number> {
  const gone = async (call: () => Promise<unknown>) => {
    try {
      const asked = () => {
        signal?.throwIfAborted();
        return call();
      };
      await retrying(context, asked, signal);
    } catch (caught) {
      if (!isNotFound(caught) && !isConflict(caught)) throw caught;
    }
  };

  signal?.throwIfAborted();
  const pods = await listAll(connection, podsOn(node), context);
  await inParallel(pods.items, DELETIONS_AT_ONCE, ({ metadata: { name, namespace, uid } }) =>
    gone(() =>
      apis.core.deleteNamespacedPod({
        name,
        namespace,
        body: { gracePeriodSeconds: 0, preconditions: { uid } },
      }),
    ),
  );

  const attachments = await listAll(connection, VOLUME_ATTACHMENTS, context);
  const ours = attachments.items.filter(({ spec }) => spec.nodeName === node);
  await inParallel(ours, DELETIONS_AT_ONCE, ({ metadata: { name, uid } }) =>
    gone(() => apis.storage.deleteVolumeAttachment({ name, body: { preconditions: { uid } } })),
  );
  return pods.items.length;
}
