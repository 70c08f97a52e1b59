import { deepStrictEqual as equal, match, ok, rejects } from 'node:assert/strict';
import {
  type KubernetesView,
  type KubernetesWatcher,
  kubernetesNames,
  type TouchedNodes,
} from '../../src/kubernetes/port.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** One thing that every implementation of the port does. */
export interface ContractCase {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

/** A watcher that keeps what it was told. */
export function recordingWatcher() {
  const sights: { readonly state: 'sighted' | 'blind'; readonly why: string }[] = [];
  const order: ('changed' | 'sighted' | 'blind')[] = [];
  let view: KubernetesView | null = null;
  const touches: TouchedNodes[] = [];
  const watcher: KubernetesWatcher = {
    changed(seen, touched) {
      if (seen !== view) equal(touched, 'all', 'another view comes with all');
      view = seen;
      touches.push(touched);
      order.push('changed');
    },
    sight(state, why) {
      sights.push({ state, why });
      order.push(state);
    },
  };
  return {
    watcher,
    sights,
    order,
    touches,
    view: () => view,
    node: (name: string) => view?.nodes.get(name),
    state: () => sights.at(-1)?.state ?? null,
  };
}

const never = new AbortController().signal;
/** Long enough never to be the reason for an end. */
const LONG_MS = 30_000;

/** The port's promises, one by one. Each case uses nodes of its own, so that all can play on one stage. */
export const kubernetesContract: readonly ContractCase[] = [
  {
    name: 'watch: all nodes are there before the first sight, then changes follow',
    async run({ kubernetes, addNode, setReady, removeNode }) {
      await addNode('10.0.0.1.i-watch1', {
        providerId: 'cn-test.i-watch1',
        labels: { [kubernetesNames.pool]: 'np1' },
      });
      await setReady('10.0.0.1.i-watch1', 'True');
      const seen = recordingWatcher();
      const watch = kubernetes.watch(seen.watcher);
      try {
        await until('sighted', () => seen.state() === 'sighted');
        equal(seen.order.slice(0, 2), ['changed', 'sighted']);
        const found = seen.node('10.0.0.1.i-watch1');
        ok(found);
        const { uid, labels, ...facts } = found;
        ok(uid);
        equal(labels[kubernetesNames.pool], 'np1');
        equal(facts, {
          name: '10.0.0.1.i-watch1',
          instanceId: 'i-watch1',
          annotations: {},
          ready: 'True',
          reason: 'Staged',
          unschedulable: false,
          cordonedByWdrip: false,
        });
        equal(seen.touches[0], 'all');
        const touched = (name: string) =>
          seen.touches.slice(1).some((each) => each !== 'all' && each.has(name));
        await setReady('10.0.0.1.i-watch1', 'Unknown');
        await until('Unknown is told', () => touched('10.0.0.1.i-watch1'));
        equal(seen.node('10.0.0.1.i-watch1')?.ready, 'Unknown');
        equal(found.ready, 'True', 'facts that were given out do not change');
        await addNode('10.0.0.2.i-watch2');
        await until('a new node is told', () => touched('10.0.0.2.i-watch2'));
        equal(seen.node('10.0.0.2.i-watch2')?.ready, 'Absent');
        seen.touches.splice(1);
        await removeNode('10.0.0.2.i-watch2');
        await until('it is told to be gone', () => touched('10.0.0.2.i-watch2'));
        equal(seen.view()?.nodes.has('10.0.0.2.i-watch2'), false);
      } finally {
        await watch.stop();
      }
    },
  },
  {
    name: 'safety 61: a heartbeat is when we saw the lease change, by our clock, whatever the lease says',
    async run({ kubernetes, addNode, renewLease }) {
      await addNode('beat1');
      await renewLease('beat1');
      const seen = recordingWatcher();
      const startedAt = Date.now();
      const watch = kubernetes.watch(seen.watcher);
      try {
        await until('sighted', () => seen.state() === 'sighted');
        const first = seen.view()?.heartbeatAt('beat1') ?? 0;
        ok(first >= startedAt, 'heartbeats count from the first sight');
        await until('a moment that can be told from it', () => Date.now() > first);
        const renewedAt = Date.now();
        await renewLease('beat1');
        const next = await until('the renewal is seen', () => {
          const at = seen.view()?.heartbeatAt('beat1') ?? 0;
          return at > first ? at : null;
        });
        ok(next >= renewedAt && next <= Date.now());
      } finally {
        await watch.stop();
      }
    },
  },
  {
    name: 'watch: nothing is told after stop',
    async run({ kubernetes, addNode }) {
      const seen = recordingWatcher();
      const watch = kubernetes.watch(seen.watcher);
      await until('sighted', () => seen.state() === 'sighted');
      await watch.stop();
      const told = seen.order.length;
      const other = recordingWatcher();
      const second = kubernetes.watch(other.watcher);
      await addNode('stopped1');
      await until('the other watch has seen it', () => other.node('stopped1'));
      await second.stop();
      equal(seen.order.length, told);
    },
  },
  {
    name: 'cordon marks the node as ours, and uncordon lifts it',
    async run({ kubernetes, addNode, node }) {
      await addNode('cordon1');
      await kubernetes.cordon('cordon1', 'attempt-7');
      const cordoned = await node('cordon1');
      equal([cordoned?.unschedulable, cordoned?.annotations[kubernetesNames.cordoned]], [true, 'attempt-7']);
      await kubernetes.cordon('cordon1', 'attempt-8');
      equal((await node('cordon1'))?.annotations[kubernetesNames.cordoned], 'attempt-7', 'once is enough');
      await kubernetes.uncordon('cordon1');
      const lifted = await node('cordon1');
      equal([lifted?.unschedulable, lifted?.annotations[kubernetesNames.cordoned]], [false, undefined]);
    },
  },
  {
    name: "a person's cordon is neither marked nor lifted",
    async run({ kubernetes, addNode, node, personCordons }) {
      await addNode('cordon2');
      await personCordons('cordon2');
      await kubernetes.cordon('cordon2', 'attempt-1');
      equal((await node('cordon2'))?.annotations[kubernetesNames.cordoned], undefined);
      await kubernetes.uncordon('cordon2');
      equal((await node('cordon2'))?.unschedulable, true);
    },
  },
  {
    name: 'a person who lifts our cordon and later sets their own keeps it, though our mark was left behind',
    async run({ kubernetes, addNode, node, personCordons, personUncordons }) {
      await addNode('cordon3');
      await kubernetes.cordon('cordon3', 'attempt-1');
      await personUncordons('cordon3');
      await personCordons('cordon3');
      const seen = recordingWatcher();
      const watch = kubernetes.watch(seen.watcher);
      try {
        const facts = await until('it is seen', () =>
          seen.state() === 'sighted' ? seen.node('cordon3') : null,
        );
        equal([facts.unschedulable, facts.cordonedByWdrip], [true, false]);
      } finally {
        await watch.stop();
      }
      await kubernetes.uncordon('cordon3');
      const left = await node('cordon3');
      equal([left?.unschedulable, left?.annotations[kubernetesNames.cordoned]], [true, undefined]);
    },
  },
  {
    name: 'ten cordons of ours and a person at the same moment leave one owner, who is the one that the mark says',
    async run({ kubernetes, addNode, node, personCordons }) {
      for (const round of [1, 2, 3, 4, 5]) {
        const name = `race${round}`;
        await addNode(name);
        const ours = Array.from({ length: 10 }, (_, index) => kubernetes.cordon(name, `attempt-${index}`));
        await Promise.all([...ours, personCordons(name)]);
        const after = await node(name);
        equal(after?.unschedulable, true);
        const marked = after?.annotations[kubernetesNames.cordoned] !== undefined;
        await kubernetes.uncordon(name);
        equal((await node(name))?.unschedulable, !marked, 'lifted exactly if it was ours');
      }
    },
  },
  {
    name: 'what is not there is no error for uncordon, annotate and deleteNode, and notFound for cordon',
    async run({ kubernetes }) {
      await kubernetes.uncordon('nowhere');
      await kubernetes.annotate('nowhere', { [kubernetesNames.repair]: 'rebooting' });
      await kubernetes.deleteNode('nowhere');
      await rejects(kubernetes.cordon('nowhere'), { name: 'Failure', kind: 'notFound' });
    },
  },
  {
    name: 'annotate sets and removes',
    async run({ kubernetes, addNode, node }) {
      await addNode('marks1');
      await kubernetes.annotate('marks1', { [kubernetesNames.repair]: 'rebooting', other: 'stays' });
      await kubernetes.annotate('marks1', { [kubernetesNames.repair]: null });
      equal((await node('marks1'))?.annotations, { other: 'stays' });
    },
  },
  {
    name: 'drain evicts what can be moved, and waits until it is gone',
    async run({ kubernetes, addNode, addPod, pods, confirmDeletions }) {
      const node = 'drain1';
      await addNode(node);
      await addPod({ name: 'drain1-app', node });
      await addPod({ name: 'drain1-data', node, claim: 'data' });
      await addPod({ name: 'drain1-daemon', node, daemon: true });
      await addPod({ name: 'drain1-mirror', node, mirror: true });
      await addPod({ name: 'drain1-done', node, completed: true });
      const draining = kubernetes.drain(node, { deadlineMs: LONG_MS, unreachable: false, signal: never });
      await until('both are marked', async () => {
        const now = await pods(node);
        return now.get('drain1-app')?.deleting && now.get('drain1-data')?.deleting;
      });
      await confirmDeletions(node);
      equal(await draining, { total: 2, evicted: 2, blocked: [], left: 0 });
      equal([...(await pods(node)).keys()].sort(), ['drain1-daemon', 'drain1-done', 'drain1-mirror']);
      equal((await pods(node)).get('drain1-daemon')?.deleting, false);
    },
  },
  {
    name: 'safety 27: a budget that never allows it holds the drain to its deadline and no longer, and is named',
    async run({ kubernetes, addNode, addPod, pods, setBudget }) {
      const node = 'drain2';
      await addNode(node);
      await setBudget('drain2', { app: 'drain2' }, 0);
      await addPod({ name: 'drain2-app', node, labels: { app: 'drain2' } });
      const startedAt = Date.now();
      const progress = await kubernetes.drain(node, { deadlineMs: 1_500, unreachable: false, signal: never });
      equal(progress, { total: 1, evicted: 0, blocked: ['default/drain2-app'], left: 1 });
      const took = Date.now() - startedAt;
      ok(took >= 1_400 && took < 4_000, `took ${took} ms`);
      equal((await pods(node)).get('drain2-app')?.deleting, false);
    },
  },
  {
    name: 'drain: a budget that allows it later is waited for',
    async run({ kubernetes, addNode, addPod, pods, setBudget, confirmDeletions }) {
      const node = 'drain3';
      await addNode(node);
      await setBudget('drain3', { app: 'drain3' }, 1);
      await addPod({ name: 'drain3-a', node, labels: { app: 'drain3' } });
      await addPod({ name: 'drain3-b', node, labels: { app: 'drain3' } });
      const draining = kubernetes.drain(node, { deadlineMs: LONG_MS, unreachable: false, signal: never });
      const marked = async () => [...(await pods(node)).values()].filter(({ deleting }) => deleting).length;
      await until('the first is marked', async () => (await marked()) === 1);
      await confirmDeletions(node);
      equal((await pods(node)).size, 1, 'the budget holds the second');
      await setBudget('drain3', { app: 'drain3' }, 1);
      await until('the second is marked', async () => (await marked()) === 1);
      await confirmDeletions(node);
      equal(await draining, { total: 2, evicted: 2, blocked: [], left: 0 });
    },
  },
  {
    name: 'safety 27, safety 29: on an unreachable node a mark is enough, and a pod with a volume is left alone',
    async run({ kubernetes, addNode, addPod, pods }) {
      const node = 'drain4';
      await addNode(node);
      await addPod({ name: 'drain4-app', node });
      await addPod({ name: 'drain4-data', node, claim: 'data' });
      const progress = await kubernetes.drain(node, {
        deadlineMs: LONG_MS,
        unreachable: true,
        signal: never,
      });
      equal(progress, { total: 1, evicted: 1, blocked: [], left: 0 });
      const now = await pods(node);
      equal([now.get('drain4-app')?.deleting, now.get('drain4-data')?.deleting], [true, false]);
    },
  },
  {
    name: 'safety 17: a drain that is called off rejects with the reason',
    async run({ kubernetes, addNode, addPod }) {
      const node = 'drain5';
      await addNode(node);
      await addPod({ name: 'drain5-app', node });
      const off = new AbortController();
      const reason = new Error('the node is Ready again');
      const draining = kubernetes.drain(node, {
        deadlineMs: LONG_MS,
        unreachable: false,
        signal: off.signal,
      });
      off.abort(reason);
      await rejects(draining, reason);
    },
  },
  {
    name: 'drain of a node without pods, or of none, is done at once',
    async run({ kubernetes }) {
      const progress = await kubernetes.drain('nowhere', {
        deadlineMs: LONG_MS,
        unreachable: false,
        signal: never,
      });
      equal(progress, { total: 0, evicted: 0, blocked: [], left: 0 });
    },
  },
  {
    name: 'safety 28: releasePods takes every pod and attachment of that node away at once, and of no other',
    async run({ kubernetes, addNode, addPod, pods, addVolumeAttachment, volumeAttachments, setBudget }) {
      await addNode('release1');
      await addNode('release2');
      await setBudget('release1', { app: 'release1' }, 0);
      await addPod({ name: 'release1-app', node: 'release1', labels: { app: 'release1' } });
      await addPod({ name: 'release1-data', node: 'release1', claim: 'data' });
      await addPod({ name: 'release1-daemon', node: 'release1', daemon: true });
      await addPod({ name: 'release2-data', node: 'release2', claim: 'other' });
      await addVolumeAttachment('release1-volume', 'release1');
      await addVolumeAttachment('release2-volume', 'release2');
      equal(await kubernetes.releasePods('release1'), 3);
      equal([(await pods('release1')).size, await volumeAttachments('release1')], [0, []]);
      equal([(await pods('release2')).size, await volumeAttachments('release2')], [1, ['release2-volume']]);
      equal(await kubernetes.releasePods('release1'), 0);
    },
  },
  {
    name: 'deleteNode deletes it; called off, neither it nor releasePods is sent',
    async run({ kubernetes, addNode, node }) {
      await addNode('delete1');
      const off = AbortSignal.abort(new Error('moved on'));
      await rejects(kubernetes.releasePods('delete1', off), /moved on/);
      await rejects(kubernetes.deleteNode('delete1', off), /moved on/);
      equal((await node('delete1')) === null, false);
      await kubernetes.deleteNode('delete1');
      equal(await node('delete1'), null);
    },
  },
  {
    name: 'events of one key are counted up, of another key written beside',
    async run({ kubernetes, addNode, events }) {
      await addNode('event1');
      const entry = { node: 'event1', type: 'Warning', reason: 'RestartingKubelet', key: 'a/1' } as const;
      await kubernetes.event({ ...entry, message: 'first' });
      await kubernetes.event({ ...entry, message: 'second' });
      await kubernetes.event({
        ...entry,
        key: 'a/2',
        type: 'Normal',
        reason: 'Ready',
        message: 'x'.repeat(5_000),
      });
      const written = [...(await events('event1'))].sort((a, b) => a.reason.localeCompare(b.reason));
      equal(
        written.map(({ reason, type, count }) => ({ reason, type, count })),
        [
          { reason: 'Ready', type: 'Normal', count: 1 },
          { reason: 'RestartingKubelet', type: 'Warning', count: 2 },
        ],
      );
      equal(written[1]?.message, 'second');
    },
  },
  {
    name: 'a bootstrap token is well formed, lives as long as asked, and lets a node join and nothing else',
    async run({ kubernetes, bootstrapToken }) {
      const token = await kubernetes.createBootstrapToken({ ttlMs: 600_000, description: 'for one node' });
      match(token, /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
      const [id = '', secret] = token.split('.');
      const data = await bootstrapToken(id);
      const { expiration = '', ...rest } = data ?? {};
      equal(rest, {
        'token-id': id,
        'token-secret': secret,
        description: 'for one node',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      });
      ok(Math.abs(Date.parse(expiration) - Date.now() - 600_000) < 10_000);
    },
  },
  {
    name: 'the API server says its version',
    async run({ kubernetes }) {
      match(await kubernetes.version(), /^v1\.\d+\.\d+/);
    },
  },
];
