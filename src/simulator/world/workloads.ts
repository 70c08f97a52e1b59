import type { Random } from '../../runtime/random.ts';
import type { SimulatedKubernetes } from './kubernetes.ts';
import type { NodeObject } from './objects.ts';

export interface App {
  readonly name: string;
  readonly replicas: number;
}

/** One in so many pods has a volume. */
const claimedEach = 3;

/**
 * The pods of some apps, with the scheduler, the pod garbage collector and the disruption controller: one pass over all pods, made only
 * when a pod or a node has changed.
 */
export class Workloads {
  /** No disruption budget allows anything. */
  budgetsBlocked = false;
  readonly #api: SimulatedKubernetes;
  readonly #random: Random;
  readonly #apps: readonly App[];

  constructor(api: SimulatedKubernetes, random: Random, apps: readonly App[]) {
    this.#api = api;
    this.#random = random;
    this.#apps = apps;
    for (const { name } of apps) api.budgets.set(name, { labels: { app: name }, allowed: 0 });
  }

  /** True if it changed anything: then there may be more to do. */
  pass(): boolean {
    const ended = this.#endPods();
    const scheduled = this.#schedule();
    this.#disruptions();
    return ended || scheduled;
  }

  /** A kubelet that lives confirms deletions; without a node there is nobody to ask. */
  #endPods(): boolean {
    let ended = false;
    for (const pod of this.#api.pods.values()) {
      if (pod.node === null) continue;
      const isGone = !this.#api.nodes.has(pod.node);
      if (!isGone && !(pod.deleting && this.#api.beats.goesOn(pod.node))) continue;
      this.#api.pods.delete(pod.name);
      ended = true;
    }
    return ended;
  }

  /** A pod per replica, on any node that is Ready and not cordoned. */
  #schedule(): boolean {
    let room: readonly NodeObject[] | null = null;
    let scheduled = false;
    for (const { name, replicas } of this.#apps) {
      if (this.#count(name) >= replicas) continue;
      for (let index = 0; index < replicas; index++) {
        const pod = `${name}-${index}`;
        if (this.#api.pods.has(pod)) continue;
        room ??= this.#room();
        const node = room[Math.floor(this.#random.next() * room.length)];
        if (node === undefined) return scheduled;
        this.#api.pods.set(pod, {
          name: pod,
          node: node.name,
          labels: { app: name },
          kind: 'app',
          claim: index % claimedEach === 0 ? `data-${pod}` : null,
          deleting: false,
        });
        scheduled = true;
      }
    }
    return scheduled;
  }

  #room(): readonly NodeObject[] {
    return [...this.#api.nodes.values()].filter(
      ({ ready, cordonedBy }) => ready === 'True' && cordonedBy === null,
    );
  }

  /** Of each app one pod may be away. */
  #disruptions(): void {
    for (const { name, replicas } of this.#apps) {
      const budget = this.#api.budgets.get(name);
      if (budget === undefined) continue;
      let well = 0;
      for (const pod of this.#api.pods.values())
        if (
          pod.labels.app === name &&
          !pod.deleting &&
          pod.node !== null &&
          this.#api.nodes.get(pod.node)?.ready === 'True'
        )
          well += 1;
      budget.allowed = this.budgetsBlocked ? 0 : Math.max(0, well - (replicas - 1));
    }
  }

  #count(app: string): number {
    let count = 0;
    for (const { labels } of this.#api.pods.values()) if (labels.app === app) count += 1;
    return count;
  }
}
