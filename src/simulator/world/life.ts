import { nodeNameOf } from '../../cloud/port.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { SimulatedCloud } from './cloud.ts';
import type { SimulatedKubernetes } from './kubernetes.ts';
import type { Machine } from './machine.ts';
import { ObservedMap } from './observed.ts';
import { type App, Workloads } from './workloads.ts';

/**
 * What is wrong inside an instance, named after what helps. `blip`: it passes by itself; `unregistered`: its Node object was deleted,
 * which a kubelet notices only when it starts; `unbootable`: only another instance helps.
 */
export type Ailment = 'blip' | 'unregistered' | 'kubelet' | 'reboot' | 'disk' | 'unbootable';

/** How often whatever has not come to rest is looked at, in ms: the node controller's own period. */
const tickMs = 5_000;
/** Without a heartbeat for this long the node controller calls the node Unknown, in ms: its default. */
const graceMs = 50_000;
/** From the boot to the kubelet's first word, in ms: on its old disk, and on an empty one. */
const bootMs = 15_000;
const firstBootMs = 45_000;

/**
 * Kubelets, the node controller, and what runs on the nodes. A node that is well needs nobody: its heartbeats are arithmetic (beats.ts).
 * Only what has changed, or waits for a time, is looked at, every five seconds until it has come to rest.
 */
export class Life {
  readonly ailments = new ObservedMap<string, Ailment>((id) => this.wake(id));
  /** By instance: until when the Node is said to be NotReady although it is well, in epoch ms. */
  readonly lies = new ObservedMap<string, number>((id) => this.wake(id));
  /** By instance: since when it has been lied about, and well, without a break, in epoch ms. */
  readonly liedSince = new Map<string, number>();
  readonly #upAt = new Map<string, number>();
  readonly #cloud: SimulatedCloud;
  readonly #api: SimulatedKubernetes;
  readonly #clock: Clock;
  readonly #workloads: Workloads;
  readonly #onUp: (id: string, isUp: boolean) => void;
  readonly #onWake: (id: string) => void;
  /** Instances that changed or wait for a time. */
  readonly #unsettled = new Set<string>();
  /** Nodes whose heartbeats have stopped and of which the node controller has not said so yet. */
  readonly #silent = new Set<string>();
  /** By instance: the node that it registered, while either is there; and those instances that were up when last looked at. */
  readonly #nodeOf = new Map<string, string>();
  readonly #up = new Set<string>();
  #workloadsChanged = true;
  #ticking = false;

  constructor(options: {
    readonly cloud: SimulatedCloud;
    readonly api: SimulatedKubernetes;
    readonly clock: Clock;
    readonly random: Random;
    readonly apps: readonly App[];
    /** An instance's node is up from now on, or is not any more. */
    readonly onUp: (id: string, isUp: boolean) => void;
    /** Something about an instance has changed. */
    readonly onWake?: (id: string) => void;
  }) {
    this.#cloud = options.cloud;
    this.#api = options.api;
    this.#clock = options.clock;
    this.#onUp = options.onUp;
    this.#onWake = options.onWake ?? (() => {});
    this.#workloads = new Workloads(options.api, options.random, options.apps);
  }

  /** No disruption budget allows anything. */
  set budgetsBlocked(blocked: boolean) {
    this.#workloads.budgetsBlocked = blocked;
    this.workloadsChanged();
  }

  /** The instance has booted: what a boot cures is cured. */
  booted(id: string, first: boolean): void {
    this.#upAt.set(id, this.#clock.now() + (first ? firstBootMs : bootMs));
    const ailment = this.ailments.get(id);
    if (ailment !== undefined && ailment !== 'unbootable' && (ailment !== 'disk' || first))
      this.ailments.delete(id);
    else this.wake(id);
  }

  /** What the agent makes of a command: it knows the scripts that wdrip sends. */
  command(id: string, script: string): { readonly exitCode: number; readonly output: string } {
    const ailment = this.ailments.get(id);
    if (script.includes('boot-id'))
      return { exitCode: 0, output: `boot-${id}-${this.#cloud.machines.get(id)?.boots ?? 0}\n` };
    if (script.includes('restart kubelet')) {
      if (ailment === 'kubelet' || ailment === 'unregistered') this.ailments.delete(id);
      return ailment === undefined ||
        ailment === 'blip' ||
        ailment === 'kubelet' ||
        ailment === 'unregistered'
        ? { exitCode: 0, output: '' }
        : { exitCode: 1, output: 'Job for kubelet.service failed' };
    }
    return ailment === undefined || ailment === 'unregistered'
      ? { exitCode: 0, output: 'active\n' }
      : { exitCode: 3, output: 'failed\n' };
  }

  /** Something about the instance has changed: its kubelet stops at once, and what else follows comes with the ticks. */
  wake(id: string): void {
    const machine = this.#cloud.machines.get(id);
    if (machine === undefined || !this.isUp(machine)) this.#goDown(id);
    this.#unsettled.add(id);
    this.#onWake(id);
    this.#tickSoon();
  }

  /** The same of a whole zone. */
  wakeZone(zone: string): void {
    for (const [id, { instance }] of this.#cloud.machines) if (instance.zone === zone) this.wake(id);
  }

  /** A Node object came, went or changed. One that was taken away is registered again by a kubelet that runs. */
  nodeChanged(name: string): void {
    this.#workloadsChanged = true;
    if (!this.#api.nodes.has(name))
      for (const id of this.#up) if (this.#nodeOf.get(id) === name) this.#unsettled.add(id);
    this.#tickSoon();
  }

  workloadsChanged(): void {
    this.#workloadsChanged = true;
    this.#tickSoon();
  }

  /** The API is back: what has changed meanwhile is seen. */
  awoke(): void {
    this.#tickSoon();
  }

  isUp({ instance: { id, status, zone } }: Machine): boolean {
    return (
      status === 'Running' &&
      !this.#cloud.failedZones.has(zone) &&
      !this.ailments.has(id) &&
      this.#clock.now() >= (this.#upAt.get(id) ?? Number.POSITIVE_INFINITY)
    );
  }

  #tickSoon(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    const now = this.#clock.now();
    this.#clock.after(tickMs - (now % tickMs), () => {
      this.#ticking = false;
      this.#tick();
    });
  }

  #tick(): void {
    if (!this.#api.reachable) return;
    for (const id of this.#unsettled) if (this.#kubelet(id)) this.#unsettled.delete(id);
    for (const name of this.#silent) if (this.#judge(name)) this.#silent.delete(name);
    if (this.#workloadsChanged) {
      this.#workloadsChanged = false;
      if (this.#workloads.pass()) this.#workloadsChanged = true;
    }
    if (this.#unsettled.size > 0 || this.#silent.size > 0 || this.#workloadsChanged) this.#tickSoon();
  }

  /** One look of a kubelet. True if nothing more comes of it by itself. */
  #kubelet(id: string): boolean {
    const machine = this.#cloud.machines.get(id);
    if (machine === undefined) {
      this.#nodeOf.delete(id);
      this.#upAt.delete(id);
      return true;
    }
    const { instance } = machine;
    const now = this.#clock.now();
    if (!this.isUp(machine)) return instance.status !== 'Running' || now >= (this.#upAt.get(id) ?? 0);
    const name = nodeNameOf(instance);
    const lied = (this.lies.get(id) ?? 0) > now;
    if (!lied) this.liedSince.delete(id);
    else if (!this.liedSince.has(id)) this.liedSince.set(id, now);
    const node =
      this.#api.nodes.get(name) ?? this.#api.register(name, { slot: instance.tags['wdrip.io/slot'] ?? '' });
    const [ready, reason] = lied ? (['False', 'LiedAbout'] as const) : (['True', 'KubeletReady'] as const);
    if (!this.#api.beats.goesOn(name)) this.#api.beats.begin(name);
    if (node.ready !== ready) this.#api.put({ ...node, ready, reason });
    this.#nodeOf.set(id, name);
    if (!this.#up.has(id)) {
      this.#up.add(id);
      this.#onUp(id, true);
    }
    return !lied;
  }

  /** The node controller looks at a node that is silent. True if there is nothing more to say of it. */
  #judge(name: string): boolean {
    const node = this.#api.nodes.get(name);
    if (node === undefined || node.ready === 'Unknown' || this.#api.beats.goesOn(name)) return true;
    if (this.#clock.now() - (this.#api.heartbeatAt(name) ?? 0) < graceMs) return false;
    this.#api.put({ ...node, ready: 'Unknown', reason: 'NodeStatusUnknown' });
    return true;
  }

  #goDown(id: string): void {
    this.liedSince.delete(id);
    const name = this.#nodeOf.get(id);
    if (name !== undefined && this.#api.beats.goesOn(name)) {
      this.#api.beats.stop(name);
      this.#silent.add(name);
    }
    if (this.#up.delete(id)) this.#onUp(id, false);
  }
}
