import type { Cloud, InstanceSpec } from '../cloud/port.ts';
import { allEffects } from '../effects/all.ts';
import { onlyOurs } from '../effects/only-ours.ts';
import type { World as NodeWorld } from '../effects/world.ts';
import { type Kubernetes, type KubernetesView, kubernetesNames } from '../kubernetes/port.ts';
import { silentLog } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { createRuntime } from '../runtime/runtime.ts';
import type { Runtime, Store, Transition } from '../runtime/types.ts';
import type { SupervisorConfig } from '../supervisor/config.ts';
import { controlPlanePool } from '../supervisor/control-plane.ts';
import { machineEntries, onSetAside } from '../supervisor/machines.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { type CrashPlan, crashingStore } from './crashing-store.ts';
import { masterUserData, sideOfLife } from './side-of-life.ts';
import type { SimulatedBackups } from './simulated-backups.ts';
import type { SimulatedEtcd } from './world/etcd.ts';
import type { Vault } from './world/vault.ts';

/** What this life was told last, for the invariants: by node name, since when it has been Ready without a break. */
export interface Told {
  view: KubernetesView;
  readonly readySince: Map<string, number>;
  /** By node name: since when a person's annotation has paused it. */
  readonly pausedSince: Map<string, number>;
  sightedSince: number | null;
  blindSince: number | null;
}

/** One process of the supervisor, from its start to its kill: the real runtime, supervisor, admission and effects. */
export interface SupervisorLife {
  readonly runtime: Runtime;
  readonly supervisor: Supervisor;
  readonly told: Told;
  /** Null without masters. */
  readonly backups: SimulatedBackups | null;
  /** The clock that it reads; what it was told is dated by it. */
  readonly clock: Clock;
  /** When it started, by that clock. */
  readonly startedAt: number;
  /** It dies in a commit to come. */
  crash(plan: CrashPlan): void;
  /** As a SIGKILL: what it has sent goes on, and nothing else does. */
  kill(): void;
}

/** What a life needs to look after masters. */
export interface ControlPlaneOfLife {
  readonly etcd: SimulatedEtcd;
  readonly vault: Vault;
  /** Objects that masters may read. */
  readonly shared: Map<string, Uint8Array>;
}

export function startLife(options: {
  readonly config: SupervisorConfig;
  readonly clock: Clock;
  /** A time of the world's clock in the life's own. Default: they are the same. */
  readonly ofWorld?: (at: number) => number;
  readonly random: Random;
  readonly store: Store;
  readonly cloud: Cloud;
  readonly kubernetes: Kubernetes;
  readonly instanceSpec: (slot: string, zone: string) => Omit<InstanceSpec, 'userData'>;
  readonly zones: readonly string[];
  /** Left out: it was given no way into etcd, and looks after workers only. */
  readonly controlPlane?: ControlPlaneOfLife | null;
  readonly onTransition: (transition: Transition) => void;
  readonly onCrash: (at: CrashPlan['at']) => void;
  /** How it is to die. Default: by `kill` alone. */
  readonly plan?: CrashPlan | null;
  /** The supervisor itself fails where it must not: a defect. */
  readonly onDefect: (why: string) => void;
}): SupervisorLife {
  const { config, random, zones } = options;
  let alive = true;
  // A dead process has no timers.
  const clock: Clock = {
    now: () => options.clock.now(),
    after: (ms, fire) => (alive ? options.clock.after(ms, () => (alive ? fire() : undefined)) : () => {}),
  };
  const cloud = onlyOurs(askedAtOwnTime(options.cloud, clock), config.cluster);
  const store = crashingStore(options.store, options.onCrash);
  store.plan = options.plan ?? null;
  const told: Told = {
    view: { nodes: new Map(), heartbeatAt: () => undefined },
    readySince: new Map(),
    pausedSince: new Map(),
    sightedSince: null,
    blindSince: null,
  };
  const kubernetes = listening(options.kubernetes, told, clock, options.ofWorld ?? ((at) => at));
  const end = new AbortController();
  const side = sideOfLife({
    controlPlane: options.controlPlane ?? null,
    config,
    cloud,
    kubernetes,
    clock,
    signal: end.signal,
    supervisor: () => supervisor,
    runtime: () => runtime,
    world: () => world,
  });
  const world: NodeWorld = {
    cluster: config.cluster,
    cloud,
    kubernetes,
    log: silentLog,
    whenSighted: (signal) => supervisor.whenSighted(signal),
    nodeFacts: (name) => supervisor.nodeFacts(name),
    assertNotReady: (slot) => supervisor.assertNotReady(slot),
    instanceSpecs: ({ slot, zone }) =>
      [zone, ...zones.filter((each) => each !== zone)].map((each) => options.instanceSpec(slot, each)),
    // A master's needs no API server (src/bootstrap/control-plane-user-data.ts).
    prepareUserData: async (pool) =>
      pool === controlPlanePool
        ? masterUserData
        : `#!/bin/sh\n# ${await kubernetes.createBootstrapToken({ ttlMs: 3_600_000, description: 'a new node' })}\n`,
    masters: side?.bodies ?? null,
    requestPermit: (request, context) => supervisor.desk.request(request, context),
  };
  const runtime: Runtime = createRuntime({
    store,
    clock,
    random,
    machines: machineEntries,
    effects: allEffects({
      node: world,
      quorum: side?.quorum ?? null,
      recovery: side?.recovery ?? null,
      backup: side?.backups ?? null,
    }),
    onSetAside: onSetAside(config.cluster),
  });
  const supervisor: Supervisor = new Supervisor({
    config,
    runtime,
    kubernetes,
    cloud,
    etcd: options.controlPlane?.etcd ?? null,
    clock,
    random,
    log: silentLog,
    recordsLost: false,
  });
  runtime.onTransition((transition) => {
    if (alive) options.onTransition(transition);
  });
  const start = async () => {
    await runtime.start();
    if (alive) await supervisor.start();
    if (alive) side?.backups.start();
  };
  start().catch((caught: unknown) => {
    if (alive) options.onDefect(caught instanceof Error ? (caught.stack ?? caught.message) : String(caught));
  });
  return {
    runtime,
    supervisor,
    told,
    backups: side?.backups ?? null,
    clock,
    startedAt: clock.now(),
    crash: (plan) => {
      store.plan = plan;
    },
    kill() {
      alive = false;
      end.abort(new Error('killed'));
      store.kill();
      // Its effects are called off so that they ask nothing more; neither stop can end, for the store is silent now.
      void runtime.stop();
      void supervisor.stop();
    },
  };
}

/** The port, with what its watcher is told written down. */
function listening(
  kubernetes: Kubernetes,
  told: Told,
  clock: Clock,
  ofWorld: (at: number) => number,
): Kubernetes {
  let known: KubernetesView | null = null;
  const watch: Kubernetes['watch'] = (watcher) =>
    kubernetes.watch({
      changed(worlds, touched) {
        if (worlds !== known) told.view = seenAtOwnTime(worlds, ofWorld);
        known = worlds;
        const { view } = told;
        if (touched === 'all') {
          told.readySince.clear();
          told.pausedSince.clear();
        }
        for (const name of touched === 'all' ? view.nodes.keys() : touched) {
          const node = view.nodes.get(name);
          note(told.readySince, name, node?.ready === 'True', clock.now());
          note(told.pausedSince, name, node?.annotations[kubernetesNames.paused] === 'true', clock.now());
        }
        watcher.changed(view, touched);
      },
      sight(state, why) {
        const now = clock.now();
        told.blindSince = state === 'blind' ? (told.blindSince ?? now) : null;
        told.sightedSince = state === 'sighted' ? (told.sightedSince ?? now) : null;
        watcher.sight(state, why);
      },
    });
  return {
    watch,
    cordon: (node, attempt, signal) => kubernetes.cordon(node, attempt, signal),
    uncordon: (node, signal) => kubernetes.uncordon(node, signal),
    annotate: (node, annotations, signal) => kubernetes.annotate(node, annotations, signal),
    drain: (node, options) => kubernetes.drain(node, options),
    releasePods: (node, signal) => kubernetes.releasePods(node, signal),
    deleteNode: (node, signal) => kubernetes.deleteNode(node, signal),
    event: (entry) => kubernetes.event(entry),
    createBootstrapToken: (options) => kubernetes.createBootstrapToken(options),
    version: () => kubernetes.version(),
  };
}

/** Since when it holds; forgotten when it doesn't. */
function note(since: Map<string, number>, name: string, holds: boolean, now: number): void {
  if (!holds) since.delete(name);
  else if (!since.has(name)) since.set(name, now);
}

/** The world tells its own times; the adapter of the real one has ours. */
function seenAtOwnTime(view: KubernetesView, ofWorld: (at: number) => number): KubernetesView {
  return {
    nodes: view.nodes,
    heartbeatAt(node) {
      const at = view.heartbeatAt(node);
      return at === undefined ? undefined : ofWorld(at);
    },
  };
}

/** The same of the cloud's list. */
function askedAtOwnTime(cloud: Cloud, clock: Clock): Cloud {
  return {
    region: cloud.region,
    listInstances(cluster) {
      const askedAt = clock.now();
      return cloud.listInstances(cluster).then(({ instances }) => ({ instances, askedAt }));
    },
    findInstance: (id) => cloud.findInstance(id),
    hasSecurityGroup: (id) => cloud.hasSecurityGroup(id),
    executingSystemEvents: (ids) => cloud.executingSystemEvents(ids),
    reboot: (id, options) => cloud.reboot(id, options),
    start: (id, options) => cloud.start(id, options),
    stop: (id, options) => cloud.stop(id, options),
    setUserData: (id, userData, options) => cloud.setUserData(id, userData, options),
    replaceSystemDisk: (id, imageId, attempt, options) =>
      cloud.replaceSystemDisk(id, imageId, attempt, options),
    deleteInstance: (id, options) => cloud.deleteInstance(id, options),
    runInstance: (spec, attempt, options) => cloud.runInstance(spec, attempt, options),
    runCommand: (id, script, options) => cloud.runCommand(id, script, options),
  };
}
