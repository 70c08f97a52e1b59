import { nodeNameOf } from '../../cloud/port.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { SimulatedCloud } from './cloud.ts';
import type { SimulatedKubernetes } from './kubernetes.ts';
import type { Machine } from './machine.ts';
import { selects } from './objects.ts';

/**
 * What is wrong inside an instance, named after what helps. `blip`: it passes by itself; `unregistered`: its Node object was deleted, which a
 * kubelet notices only when it starts; `unbootable`: only another instance helps.
 */
export type Ailment = 'blip' | 'unregistered' | 'kubelet' | 'reboot' | 'disk' | 'unbootable';

/** How often everything that lives on the API looks, in ms: the node controller's own period. */
export const lifeTickMs = 5_000;
/** A kubelet renews its lease this often, in ms. */
const beatEveryMs = 10_000;
/** Without a heartbeat for this long the node controller calls the node Unknown, in ms: its default. */
const graceMs = 50_000;
/** One in so many pods has a volume. */
const claimedEach = 3;
/** From the boot to the kubelet's first word, in ms: on its old disk, and on an empty one. */
const bootMs = 15_000;
const firstBootMs = 45_000;

/** Kubelets, the node controller, a scheduler and the disruption controller, all in one tick. */
export class Life {
  readonly ailments = new Map<string, Ailment>();
  /** By instance: until when the Node is said to be NotReady although it is well, in epoch ms. */
  readonly lies = new Map<string, number>();
  /** No disruption budget allows anything. */
  budgetsBlocked = false;
  readonly #upAt = new Map<string, number>();
  readonly #cloud: SimulatedCloud;
  readonly #api: SimulatedKubernetes;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #apps: readonly { readonly name: string; readonly replicas: number }[];

  constructor(options: {
    readonly cloud: SimulatedCloud;
    readonly api: SimulatedKubernetes;
    readonly clock: Clock;
    readonly random: Random;
    readonly apps: readonly { readonly name: string; readonly replicas: number }[];
  }) {
    this.#cloud = options.cloud;
    this.#api = options.api;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#apps = options.apps;
    for (const { name } of this.#apps) this.#api.budgets.set(name, { labels: { app: name }, allowed: 0 });
  }

  /** The instance has booted: what a boot cures is cured. */
  booted(id: string, first: boolean): void {
    const ailment = this.ailments.get(id);
    if (ailment !== undefined && ailment !== 'unbootable' && (ailment !== 'disk' || first))
      this.ailments.delete(id);
    this.#upAt.set(id, this.#clock.now() + (first ? firstBootMs : bootMs));
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

  tick(): void {
    if (!this.#api.reachable) return;
    for (const machine of this.#cloud.machines.values()) this.#kubelet(machine);
    this.#nodeController();
    this.#schedule();
    this.#disruptions();
  }

  /** Heartbeats count from now: the API was away, and nobody could be seen. */
  awoke(): void {
    for (const name of this.#api.beats.keys()) this.#api.beats.set(name, this.#clock.now());
  }

  isUp({ instance: { id, status, zone } }: Machine): boolean {
    return (
      status === 'Running' &&
      !this.#cloud.failedZones.has(zone) &&
      !this.ailments.has(id) &&
      this.#clock.now() >= (this.#upAt.get(id) ?? Number.POSITIVE_INFINITY)
    );
  }

  #kubelet(machine: Machine): void {
    if (!this.isUp(machine)) return;
    const { id, privateIp, tags } = machine.instance;
    const name = nodeNameOf({ privateIp, id });
    const now = this.#clock.now();
    const node = this.#api.nodes.get(name) ?? this.#api.register(name, { slot: tags['wdrip.io/slot'] ?? '' });
    const lied = (this.lies.get(id) ?? 0) > now;
    const [ready, reason] = lied ? (['False', 'LiedAbout'] as const) : (['True', 'KubeletReady'] as const);
    if (node.ready !== ready) this.#api.put({ ...node, ready, reason });
    else if (now - (this.#api.beats.get(name) ?? 0) < beatEveryMs) return;
    this.#api.beat(name);
    for (const pod of this.#api.pods.values())
      if (pod.node === name && pod.deleting) this.#api.pods.delete(pod.name);
  }

  #nodeController(): void {
    const now = this.#clock.now();
    for (const node of this.#api.nodes.values())
      if (node.ready !== 'Unknown' && now - (this.#api.beats.get(node.name) ?? 0) >= graceMs)
        this.#api.put({ ...node, ready: 'Unknown', reason: 'NodeStatusUnknown' });
    for (const pod of this.#api.pods.values())
      if (pod.node !== null && !this.#api.nodes.has(pod.node)) this.#api.pods.delete(pod.name);
  }

  /** A pod per replica, on any node that is Ready and not cordoned. */
  #schedule(): void {
    const room = [...this.#api.nodes.values()].filter(
      ({ ready, cordonedBy }) => ready === 'True' && cordonedBy === null,
    );
    for (const { name, replicas } of this.#apps)
      for (let index = 0; index < replicas; index++) {
        const pod = `${name}-${index}`;
        const node = room[Math.floor(this.#random.next() * room.length)];
        if (this.#api.pods.has(pod) || node === undefined) continue;
        this.#api.pods.set(pod, {
          name: pod,
          node: node.name,
          labels: { app: name },
          kind: 'app',
          claim: index % claimedEach === 0 ? `data-${pod}` : null,
          deleting: false,
        });
      }
  }

  /** Of each app one pod may be away. */
  #disruptions(): void {
    for (const { name, replicas } of this.#apps) {
      const budget = this.#api.budgets.get(name);
      if (budget === undefined) continue;
      const well = [...this.#api.pods.values()].filter(
        (pod) =>
          selects(budget, pod) &&
          !pod.deleting &&
          pod.node !== null &&
          this.#api.nodes.get(pod.node)?.ready === 'True',
      );
      budget.allowed = this.budgetsBlocked ? 0 : Math.max(0, well.length - (replicas - 1));
    }
  }
}
