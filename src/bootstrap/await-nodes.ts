import type { Clock } from '../runtime/clock.ts';
import type { ClusterApi, NodeReadiness } from './cluster-api.ts';
import { waitUntil } from './wait-until.ts';

/** How often the nodes are listed while they join, in ms. */
const LOOK_MS = 500;

/** A node that is expected. */
export interface ExpectedNode {
  readonly slot: string;
  readonly nodeName: string;
}

/** Waits until all of them are Ready. Rejects with `Failure` `WaitOverdue`, which says of each that is not what was last seen of it. */
export function awaitNodes(
  api: Pick<ClusterApi, 'nodes'>,
  expected: readonly ExpectedNode[],
  options: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress: (step: string) => void;
  },
): Promise<void> {
  let before = -1;
  return waitUntil<void>({
    ...options,
    what: `${expected.length} nodes to be Ready`,
    advice: 'See on their instances what the user data and the unit kubelet say',
    intervalMs: LOOK_MS,
    look: async () => {
      const nodes = new Map((await api.nodes()).map((node) => [node.name, node]));
      const missing = expected.filter((each) => !nodes.get(each.nodeName)?.ready);
      const ready = expected.length - missing.length;
      if (ready !== before) options.onProgress(`${ready} of ${expected.length} nodes are Ready`);
      before = ready;
      if (missing.length === 0) return { done: undefined };
      const seen = missing.map(
        ({ slot, nodeName }) => `${slot} (${nodeName}): ${whyNot(nodes.get(nodeName))}`,
      );
      return { seen: seen.join('; ') };
    },
  });
}

function whyNot(node: NodeReadiness | undefined): string {
  return node ? node.why || 'no status yet' : 'has not registered';
}
