import type { Instance } from '../../src/cloud/port.ts';
import { allEffects } from '../../src/effects/all.ts';
import type { World } from '../../src/effects/world.ts';
import type { Kubernetes, KubernetesWatcher, NodeFacts } from '../../src/kubernetes/port.ts';
import { silentLog } from '../../src/log.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { createRuntime } from '../../src/runtime/runtime.ts';
import type { Runtime, Store } from '../../src/runtime/types.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { SupervisorConfig } from '../../src/supervisor/config.ts';
import { machineEntries, onSetAside } from '../../src/supervisor/machines.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { FakeCloud } from '../effects/fake-cloud.ts';

/**
 * A supervisor with its real runtime, machines, admission and effects over a small cluster in memory and a virtual clock. Kubelets here are
 * simple: one beats every 10 s while its instance runs and nothing is wrong with it.
 */
export class TestCluster {
  readonly clock = createVirtualClock(1_000_000);
  readonly cloud = new FakeCloud();
  readonly store: Store;
  readonly nodes = new Map<string, NodeFacts>();
  readonly heartbeats = new Map<string, number>();
  /** Instances whose kubelet does not run, and what brings it back. */
  readonly sick = new Map<string, 'kubelet' | 'reboot' | 'reset' | 'nothing'>();
  readonly calls: string[] = [];
  /** Read at each start. */
  config: SupervisorConfig;
  sighted = true;
  #watcher: KubernetesWatcher | null = null;
  /** The nodes as the watcher knows them. */
  #told: Map<string, NodeFacts> | null = null;
  #runtime: Runtime | null = null;
  #supervisor: Supervisor | null = null;

  constructor(
    workers: number,
    over: Partial<SupervisorConfig['supervisor']> = {},
    store: Store = createMemoryStore(),
  ) {
    this.store = store;
    this.config = {
      cluster: 'test',
      kubeconfig: '',
      material: '',
      store: '',
      cloud: { protocol: 'http', region: 'cn-test', accessKeyId: 'a', accessKeySecret: 'b' },
      objects: { region: 'cn-test', bucket: 'b', sldEnable: true, accessKeyId: 'a', accessKeySecret: 'b' },
      pools: [
        {
          id: 'workers',
          replicas: workers,
          zones: ['a'],
          instanceType: 't',
          imageId: 'm-1',
          securityGroupId: 's',
          vSwitchId: 'v',
          ramRole: 'r',
          systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
          maxUnavailable: 1,
          policy: {},
        },
      ],
      supervisor: {
        cloudPollMs: 10_000,
        cloudPollBusyMs: 1_000,
        leaseSilentMs: 60_000,
        stormPercent: 40,
        zoneStormPercent: 55,
        stormFloor: 2,
        stormHoldMs: 300_000,
        staleMs: 15_000,
        ...over,
      },
    };
    this.cloud.now = () => this.clock.now();
    for (let index = 0; index < workers; index++)
      this.cloud.add({
        tags: { 'wdrip.io/cluster': 'test', 'wdrip.io/slot': `workers-${index}`, 'wdrip.io/role': 'worker' },
      });
    const runCommand = this.cloud.agent;
    this.cloud.agent = (id, script) => {
      if (script.includes('restart kubelet') && this.sick.get(id) === 'kubelet') this.sick.delete(id);
      return runCommand(id, script);
    };
  }

  get supervisor(): Supervisor {
    if (this.#supervisor === null) throw new Error('the supervisor is not running');
    return this.#supervisor;
  }

  async start(): Promise<void> {
    const runtime = createRuntime({
      store: this.store,
      clock: this.clock,
      random: seededRandom(this.clock.now()),
      machines: machineEntries,
      effects: allEffects({ node: this.#world(), quorum: null, recovery: null, backup: null }),
      onSetAside: onSetAside('test'),
    });
    this.#runtime = runtime;
    this.#supervisor = new Supervisor({
      config: this.config,
      runtime,
      kubernetes: this.#kubernetes(),
      cloud: this.cloud,
      etcd: null,
      clock: this.clock,
      random: seededRandom(1),
      log: silentLog,
      recordsLost: false,
    });
    await runtime.start();
    await this.#supervisor.start();
    this.beat();
    this.#watcher?.sight('sighted', '');
  }

  /** A person wants another number of workers, and starts the supervisor on that. */
  async scale(replicas: number): Promise<void> {
    this.config = { ...this.config, pools: this.config.pools.map((pool) => ({ ...pool, replicas })) };
    await this.kill();
    await this.start();
  }

  /** As a SIGKILL would leave it: nothing is said to anybody, and only the store remains. */
  async kill(): Promise<void> {
    const runtime = this.#runtime;
    const supervisor = this.#supervisor;
    this.#watcher = null;
    this.#runtime = null;
    this.#supervisor = null;
    await Promise.all([supervisor?.stop(), runtime?.stop(), this.clock.advance(0)]);
  }

  /** Lets time pass in steps of a second, in which kubelets beat and the node controller looks. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await this.clock.advance(1_000, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        await this.#runtime?.idle();
      });
      this.beat();
    }
  }

  /** Waits until a condition holds, in virtual time; fails after so many seconds. Returns how many it took. */
  async until(what: string, seconds: number, holds: () => boolean): Promise<number> {
    for (let second = 0; second <= seconds; second++) {
      if (holds()) return second;
      await this.pass(1);
    }
    throw new Error(`${what}: not within ${seconds} s; ${JSON.stringify(this.states())}`);
  }

  states(): Record<string, string> {
    return Object.fromEntries(this.supervisor.fleet.all().map(({ context, state }) => [context.slot, state]));
  }

  state(slot: string): string {
    return this.supervisor.fleet.get(slot)?.state ?? 'none';
  }

  loseSight(): void {
    this.sighted = false;
    this.#watcher?.sight('blind', 'the API server does not answer');
  }

  regainSight(): void {
    this.sighted = true;
    this.beat();
    this.#watcher?.sight('sighted', '');
  }

  /** One second of every kubelet and of the node controller. */
  beat(): void {
    const now = this.clock.now();
    for (const instance of this.cloud.instances.values()) this.#kubelet(instance, now);
    if (!this.sighted) return;
    for (const [name, facts] of this.nodes) {
      const silent = now - (this.heartbeats.get(name) ?? 0) > 40_000;
      if (silent && facts.ready === 'True')
        this.nodes.set(name, { ...facts, ready: 'Unknown', reason: 'NodeStatusUnknown' });
    }
    this.#tellChanges();
  }

  /** Tells the watcher which nodes are not as it was told last; the first time, that all may be. */
  #tellChanges(): void {
    if (this.#watcher === null) return;
    const heartbeatAt = (name: string) => this.heartbeats.get(name);
    if (this.#told === null) {
      this.#told = new Map(this.nodes);
      this.#watcher.changed({ nodes: this.#told, heartbeatAt }, 'all');
      return;
    }
    const told = this.#told;
    const names = new Set([...told.keys(), ...this.nodes.keys()]);
    const touched = [...names].filter((name) => told.get(name) !== this.nodes.get(name));
    for (const name of touched) {
      const facts = this.nodes.get(name);
      if (facts === undefined) told.delete(name);
      else told.set(name, facts);
    }
    if (touched.length > 0) this.#watcher.changed({ nodes: told, heartbeatAt }, new Set(touched));
  }

  #kubelet(instance: Instance, now: number): void {
    const cure = this.sick.get(instance.id);
    const boots = this.cloud.boots.get(instance.id) ?? 0;
    if (cure === 'reboot' && boots > 0) this.sick.delete(instance.id);
    if (cure === 'reset' && instance.systemDiskId?.startsWith('d-new')) this.sick.delete(instance.id);
    if (instance.status !== 'Running' || this.sick.has(instance.id)) return;
    const name = `${instance.privateIp}.${instance.id}`;
    const last = this.heartbeats.get(name) ?? 0;
    if (now - last < 10_000 && this.nodes.has(name) && this.nodes.get(name)?.ready === 'True') return;
    const before = this.nodes.get(name);
    this.heartbeats.set(name, now);
    this.nodes.set(name, {
      name,
      uid: name,
      instanceId: instance.id,
      labels: {},
      annotations: {},
      unschedulable: false,
      cordonedByWdrip: false,
      ...before,
      ready: 'True',
      reason: 'KubeletReady',
    });
  }

  #kubernetes(): Kubernetes {
    const note = async (call: string) => {
      this.calls.push(call);
    };
    const change = (node: string, over: Partial<NodeFacts>) => {
      const facts = this.nodes.get(node);
      if (facts) this.nodes.set(node, { ...facts, ...over });
    };
    return {
      watch: (watcher) => {
        this.#watcher = watcher;
        this.#told = null;
        return { stop: async () => {} };
      },
      cordon: async (node) => {
        change(node, { unschedulable: true, cordonedByWdrip: true });
        await note(`cordon ${node}`);
      },
      uncordon: async (node) => {
        change(node, { unschedulable: false, cordonedByWdrip: false });
        await note(`uncordon ${node}`);
      },
      annotate: async () => {},
      drain: async (node) => {
        await note(`drain ${node}`);
        return { total: 0, evicted: 0, blocked: [], left: 0 };
      },
      releasePods: async () => 0,
      deleteNode: async (node) => {
        this.nodes.delete(node);
        await note(`deleteNode ${node}`);
      },
      event: async () => {},
      createBootstrapToken: async () => 'abcdef.0123456789abcdef',
      version: async () => 'v1.36.3',
    };
  }

  #world(): World {
    const pool = this.config.pools[0];
    if (pool === undefined) throw new Error('there is a pool');
    let births = 0;
    return {
      cluster: 'test',
      cloud: this.cloud,
      kubernetes: this.#kubernetesForEffects(),
      log: silentLog,
      whenSighted: (signal) => this.supervisor.whenSighted(signal),
      nodeFacts: (name) => this.supervisor.nodeFacts(name),
      assertNotReady: (slot) => this.supervisor.assertNotReady(slot),
      instanceSpecs: ({ slot }) =>
        pool.zones.map((zone) => ({
          zone,
          imageId: pool.imageId,
          instanceType: pool.instanceType,
          securityGroupId: pool.securityGroupId,
          vSwitchId: 'v',
          ramRole: pool.ramRole,
          systemDisk: pool.systemDisk,
          tags: { 'wdrip.io/cluster': 'test', 'wdrip.io/slot': slot, 'wdrip.io/role': 'worker' },
        })),
      prepareUserData: async () => `user data ${++births}`,
      masters: null,
      requestPermit: (request, context) => this.supervisor.desk.request(request, context),
    };
  }

  #kubernetesForEffects(): Kubernetes {
    const { watch: _watch, ...rest } = this.#kubernetes();
    return { ...rest, watch: () => ({ stop: async () => {} }) };
  }
}
