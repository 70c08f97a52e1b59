import { CoordinationV1Api, CoreV1Api, KubeConfig, type V1Node, Watch } from '@kubernetes/client-node';
import { z } from 'zod';
import { kubernetesNames } from '../../src/kubernetes/port.ts';
import { type Clock, sleep } from '../../src/runtime/clock.ts';

/** A Node object as it was seen at the API at a moment. */
export interface NodeSight {
  /** When we heard of it, in epoch ms. */
  readonly at: number;
  readonly name: string;
  /** Status of its condition Ready; `Gone`: there is no such object. */
  readonly ready: 'True' | 'False' | 'Unknown' | 'Absent' | 'Gone';
  readonly reason: string;
  readonly unschedulable: boolean;
  /** Marks that wdrip sets while it repairs. */
  readonly marks: readonly string[];
}

/** The scenarios' own view of the nodes, beside the supervisor's. */
export interface NodeEyes {
  /** Every change since `since`, oldest first. */
  history(since?: number): readonly NodeSight[];
  now(name: string): NodeSight | null;
  all(): readonly NodeSight[];
  /** When the node's lease was first renewed after `since`; null if it has not been yet. */
  heartbeatAfter(name: string, since: number): number | null;
  close(): Promise<void>;
}

/** After a watch has ended (the API server may be down on purpose), in ms. */
const againMs = 200;
/** The API ends a watch after this many s, so that one that has silently died is noticed. */
const watchSeconds = 60;
/** Heartbeats of all nodes that are remembered, newest last: a node sends one every few seconds. */
const mostHeartbeats = 10_000;
const leaseNamespace = 'kube-node-lease';

const event = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({ unschedulable: z.boolean().optional() }).optional(),
  status: z
    .looseObject({
      conditions: z
        .array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string().optional() }))
        .optional(),
    })
    .optional(),
});

const lease = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ renewTime: z.string().optional() }).optional(),
});

/**
 * Watches the Nodes and their leases with the cluster owner's kubeconfig until it is closed. What happens while the API is down is not
 * seen.
 */
export function openNodeEyes(kubeconfig: string, clock: Clock): NodeEyes {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const coordination = config.makeApiClient(CoordinationV1Api);
  const watch = new Watch(config);
  const seen: NodeSight[] = [];
  const present = new Map<string, NodeSight>();
  const renewals = new Map<string, string>();
  let heartbeats: { readonly name: string; readonly at: number }[] = [];
  const closing = new AbortController();

  function take(sight: NodeSight): void {
    const before = present.get(sight.name);
    if (sight.ready === 'Gone') present.delete(sight.name);
    else present.set(sight.name, sight);
    if (before === undefined || !sameSight(before, sight)) seen.push(sight);
  }

  function takeNode(phase: string, object: unknown): void {
    const parsed = event.safeParse(object);
    if (!parsed.success) return;
    const { metadata, spec, status } = parsed.data;
    const at = clock.now();
    take(
      phase === 'DELETED'
        ? gone(metadata.name, at)
        : sight(at, metadata.name, status?.conditions ?? [], spec?.unschedulable, metadata.annotations),
    );
  }

  function takeLease(_phase: string, object: unknown): void {
    const parsed = lease.safeParse(object);
    if (!parsed.success) return;
    const { name } = parsed.data.metadata;
    const renewed = parsed.data.spec?.renewTime ?? '';
    if (renewals.get(name) !== renewed && renewals.has(name)) heartbeats.push({ name, at: clock.now() });
    renewals.set(name, renewed);
    if (heartbeats.length > mostHeartbeats) heartbeats = heartbeats.slice(mostHeartbeats / 2);
  }

  async function listLeases(): Promise<string> {
    const { metadata } = await coordination.listNamespacedLease({ namespace: leaseNamespace });
    return metadata?.resourceVersion ?? '';
  }

  async function listNodes(): Promise<string> {
    const { items, metadata } = await core.listNode();
    const at = clock.now();
    const names = new Set(items.map((node) => node.metadata?.name));
    for (const node of items) take(sightOfNode(node, at));
    for (const name of [...present.keys()]) if (!names.has(name)) take(gone(name, at));
    return metadata?.resourceVersion ?? '';
  }

  function follow(
    path: string,
    resourceVersion: string,
    onObject: (phase: string, object: unknown) => void,
  ): Promise<void> {
    return new Promise((settle) => {
      let abort = () => {};
      const ended = () => {
        closing.signal.removeEventListener('abort', abort);
        settle();
      };
      const onEvent = (phase: string, object: unknown) => {
        if (phase !== 'BOOKMARK' && phase !== 'ERROR') onObject(phase, object);
      };
      const query = { resourceVersion, timeoutSeconds: watchSeconds, allowWatchBookmarks: true };
      watch.watch(path, query, onEvent, ended).then((request) => {
        abort = () => request.abort();
        closing.signal.addEventListener('abort', abort, { once: true });
        if (closing.signal.aborted) abort();
      }, ended);
    });
  }

  async function look(
    path: string,
    list: () => Promise<string>,
    onObject: (phase: string, object: unknown) => void,
  ): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await follow(path, await list(), onObject);
      } catch {
        // The API server is away, on purpose or not: what it says when it is back counts.
      }
      await sleep(clock, againMs, closing.signal).catch(() => undefined);
    }
  }

  const looking = Promise.all([
    look('/api/v1/nodes', listNodes, takeNode),
    look(`/apis/coordination.k8s.io/v1/namespaces/${leaseNamespace}/leases`, listLeases, takeLease),
  ]);
  return {
    history: (since = 0) => seen.filter(({ at }) => at >= since),
    now: (name) => present.get(name) ?? null,
    all: () => [...present.values()],
    heartbeatAfter: (name, since) =>
      heartbeats.find((each) => each.name === name && each.at > since)?.at ?? null,
    async close() {
      closing.abort(new Error('closed'));
      await looking;
    },
  };
}

function sightOfNode(node: V1Node, at: number): NodeSight {
  const conditions = (node.status?.conditions ?? []).map(({ type, status, reason }) => ({
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
  }));
  return sight(
    at,
    node.metadata?.name ?? '',
    conditions,
    node.spec?.unschedulable,
    node.metadata?.annotations,
  );
}

function sight(
  at: number,
  name: string,
  conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string | undefined;
  }[],
  unschedulable: boolean | undefined,
  annotations: Readonly<Record<string, string>> | undefined,
): NodeSight {
  const condition = conditions.find(({ type }) => type === 'Ready');
  const status = condition?.status;
  const ready = status === 'True' || status === 'False' || status === 'Unknown' ? status : 'Absent';
  const marks = [kubernetesNames.cordoned, kubernetesNames.repair].filter(
    (key) => annotations?.[key] !== undefined,
  );
  return { at, name, ready, reason: condition?.reason ?? '', unschedulable: unschedulable === true, marks };
}

function gone(name: string, at: number): NodeSight {
  return { at, name, ready: 'Gone', reason: '', unschedulable: false, marks: [] };
}

function sameSight(a: NodeSight, b: NodeSight): boolean {
  return (
    a.ready === b.ready &&
    a.reason === b.reason &&
    a.unschedulable === b.unschedulable &&
    a.marks.join() === b.marks.join()
  );
}
