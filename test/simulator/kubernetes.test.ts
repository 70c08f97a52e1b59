import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { SimulatedKubernetes } from '../../src/simulator/world/kubernetes.ts';
import type { NodeObject } from '../../src/simulator/world/objects.ts';
import { kubernetesContract } from '../kubernetes/contract.ts';
import type { Stage } from '../kubernetes/stage.ts';

/** The contract waits in real time, and so does the port here. */
function stage(): Stage {
  const api = new SimulatedKubernetes({ clock: systemClock(), random: seededRandom(3) });
  const change = (name: string, over: Partial<NodeObject>) => {
    const node = api.nodes.get(name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    api.put({ ...node, ...over });
  };
  return {
    kubernetes: api,
    addNode: async (name, options = {}) => {
      api.register(name, options.labels ?? {});
    },
    setReady: async (node, ready) => change(node, { ready, reason: 'Staged' }),
    renewLease: async (node) => api.beat(node),
    removeNode: async (name) => api.remove(name),
    async node(name) {
      const node = api.nodes.get(name);
      return node
        ? { uid: node.uid, unschedulable: node.cordonedBy !== null, annotations: node.annotations }
        : null;
    },
    personCordons: async (name) => {
      if (api.nodes.get(name)?.cordonedBy === null) change(name, { cordonedBy: 'person' });
    },
    personUncordons: async (name) => change(name, { cordonedBy: null }),
    addPod: async ({ name, node, labels = {}, daemon, mirror, completed, claim = null }) => {
      const kind = daemon ? 'daemon' : mirror ? 'mirror' : completed ? 'completed' : 'app';
      api.pods.set(name, { name, node, labels, kind, claim, deleting: false });
    },
    pods: async (node) =>
      new Map(
        [...api.pods.values()]
          .filter((pod) => pod.node === node)
          .map(({ name, deleting }) => [name, { deleting }]),
      ),
    async confirmDeletions(node) {
      for (const pod of api.pods.values()) if (pod.node === node && pod.deleting) api.pods.delete(pod.name);
    },
    async setBudget(name, labels, allowed) {
      api.budgets.set(name, { labels, allowed });
    },
    async addVolumeAttachment(name, node) {
      api.attachments.set(name, node);
    },
    volumeAttachments: async (node) =>
      [...api.attachments].filter(([, of]) => of === node).map(([name]) => name),
    events: async (node) => [...api.events.values()].filter((event) => event.node === node),
    bootstrapToken: async (id) => api.tokens.get(id) ?? null,
  };
}

describe('the simulated Kubernetes keeps the contract', () => {
  const shared = stage();
  /** It compares an Error of this realm by node:assert, which jest's realm breaks: said again below. */
  const elsewhere = 'safety 17: a drain that is called off rejects with the reason';
  const cases = kubernetesContract.filter(({ name }) => name !== elsewhere);
  test.each(cases.map(({ name, run }) => [name, run] as const))('%s', async (_, run) => {
    await run(shared);
  });

  test(elsewhere, async () => {
    expect(cases).toHaveLength(kubernetesContract.length - 1);
    await shared.addNode('drain5');
    await shared.addPod({ name: 'drain5-app', node: 'drain5' });
    const off = new AbortController();
    const reason = new Error('the node is Ready again');
    const draining = shared.kubernetes.drain('drain5', {
      deadlineMs: 30_000,
      unreachable: false,
      signal: off.signal,
    });
    off.abort(reason);
    await expect(draining).rejects.toBe(reason);
  });
});
