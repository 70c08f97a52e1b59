import { CoreV1Api, KubeConfig, type V1Node, Watch } from '@kubernetes/client-node';
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
  close(): Promise<void>;
}

/** After a watch has ended (the API server may be down on purpose), in ms. */
const againMs = 200;
/** The API ends a watch after this many s, so that one that has silently died is noticed. */
const watchSeconds = 60;

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

/** Watches the Nodes with the cluster owner's kubeconfig until it is closed. What happens while the API is down is not seen. */
export function openNodeEyes(kubeconfig: string, clock: Clock): NodeEyes {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const watch = new Watch(config);
  const seen: NodeSight[] = [];
  const present = new Map<string, NodeSight>();
  const closing = new AbortController();

  function take(sight: NodeSight): void {
    const before = present.get(sight.name);
    if (sight.ready === 'Gone') present.delete(sight.name);
    else present.set(sight.name, sight);
    if (before === undefined || !sameSight(before, sight)) seen.push(sight);
  }

  async function list(): Promise<string> {
    const { items, metadata } = await core.listNode();
    const at = clock.now();
    const names = new Set(items.map((node) => node.metadata?.name));
    for (const node of items) take(sightOfNode(node, at));
    for (const name of [...present.keys()]) if (!names.has(name)) take(gone(name, at));
    return metadata?.resourceVersion ?? '';
  }

  function follow(resourceVersion: string): Promise<void> {
    return new Promise((settle) => {
      const onEvent = (phase: string, object: unknown) => {
        const parsed = event.safeParse(object);
        if (!parsed.success || phase === 'BOOKMARK' || phase === 'ERROR') return;
        const { metadata, spec, status } = parsed.data;
        if (phase === 'DELETED') return take(gone(metadata.name, clock.now()));
        take(
          sight(
            clock.now(),
            metadata.name,
            status?.conditions ?? [],
            spec?.unschedulable,
            metadata.annotations,
          ),
        );
      };
      const query = { resourceVersion, timeoutSeconds: watchSeconds, allowWatchBookmarks: true };
      watch
        .watch('/api/v1/nodes', query, onEvent, () => settle())
        .then(
          (request) => {
            closing.signal.addEventListener('abort', () => request.abort(), { once: true });
            if (closing.signal.aborted) request.abort();
          },
          () => settle(),
        );
    });
  }

  async function look(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await follow(await list());
      } catch {
        // The API server is away, on purpose or not: what it says when it is back counts.
      }
      await sleep(clock, againMs, closing.signal).catch(() => undefined);
    }
  }

  const looking = look();
  return {
    history: (since = 0) => seen.filter(({ at }) => at >= since),
    now: (name) => present.get(name) ?? null,
    all: () => [...present.values()],
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
