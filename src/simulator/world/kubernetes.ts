import { Failure } from '../../failure.ts';
import {
  type DrainProgress,
  type Kubernetes,
  type KubernetesWatcher,
  kubernetesNames,
} from '../../kubernetes/port.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { Beats } from './beats.ts';
import type { Misfortune } from './calls.ts';
import { remember } from './memory.ts';
import {
  type Budget,
  type EventObject,
  instanceIdOf,
  type NodeObject,
  type PodObject,
  selects,
  unmarked,
} from './objects.ts';
import { ObservedMap } from './observed.ts';
import { prompt, type Telling, Watch } from './watch.ts';

/** One request, and one that is slow; how long no answer is waited for. In ms. */
const requestMs = 20;
const slowRequestMs = 3_000;
const noAnswerMs = 10_000;
/** Tries of one call and the first wait between them, doubled each time: as the adapter does it. */
const tries = 4;
const firstRetryMs = 500;
/** A refused eviction is asked again, and a marked pod looked for again, after this long, in ms. */
const evictAgainMs = 500;
/** How long a watch that proves nothing is still believed, in ms. */
const staleMs = 15_000;
/** Bytes of a bootstrap token's id and of its secret. */
const tokenIdBytes = 3;
const tokenSecretBytes = 8;
/** What its API server says that it is. */
const simulatedVersion = 'v1.36.3';
/** An Event's message is cut here, as the API demands. */
const longestMessage = 1_024;

/** What wdrip does to a Node, as the history and the invariants see it. */
export interface NodeAct {
  readonly act: 'cordon' | 'uncordon' | 'drain' | 'releasePods' | 'deleteNode';
  readonly node: string;
}

/** The Kubernetes API in memory: Nodes with their leases, pods, budgets, events and tokens. What lives on it is in life.ts. */
export class SimulatedKubernetes implements Kubernetes {
  readonly nodes = new Map<string, NodeObject>();
  readonly beats: Beats;
  readonly pods = new ObservedMap<string, PodObject>(() => this.#onPods());
  readonly budgets = new Map<string, Budget>();
  readonly attachments = new Map<string, string>();
  readonly events = new Map<string, EventObject>();
  readonly tokens = new Map<string, Readonly<Record<string, string>>>();
  reachable = true;
  #connected = true;
  #served = true;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #telling: () => Telling;
  readonly #misfortune: () => Misfortune | null;
  readonly #onAct: (act: NodeAct) => void;
  readonly #onNode: (name: string) => void;
  readonly #onPods: () => void;
  readonly #onReachable: () => void;
  readonly #watches = new Set<Watch>();
  #uids = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly telling?: () => Telling;
    /** Draws the fate of one request; null: it is served. */
    readonly misfortune?: () => Misfortune | null;
    readonly onAct?: (act: NodeAct) => void;
    /** A Node came, went or changed, whoever did it; some pod did; the API is away or back. */
    readonly onNode?: (name: string) => void;
    readonly onPods?: () => void;
    readonly onReachable?: () => void;
  }) {
    this.#clock = options.clock;
    this.beats = new Beats(options.clock);
    this.#random = options.random;
    this.#telling = options.telling ?? (() => prompt);
    this.#misfortune = options.misfortune ?? (() => null);
    this.#onAct = options.onAct ?? (() => {});
    this.#onNode = options.onNode ?? (() => {});
    this.#onPods = options.onPods ?? (() => {});
    this.#onReachable = options.onReachable ?? (() => {});
  }

  watch(watcher: KubernetesWatcher): { stop(): Promise<void> } {
    const watch = new Watch(watcher, this.#clock, this, this.#telling);
    this.#watches.add(watch);
    this.#clock.after(requestMs, () => (this.reachable ? watch.see() : watch.blind()));
    return {
      stop: async () => {
        watch.stop();
        this.#watches.delete(watch);
      },
    };
  }

  async cordon(name: string, attempt?: string, signal?: AbortSignal): Promise<void> {
    await this.#call(() => {
      const node = this.nodes.get(name);
      if (node === undefined)
        throw new Failure({ kind: 'notFound', code: 'UnknownNode', message: `there is no node ${name}` });
      if (node.cordonedBy !== null) return;
      const mark = attempt ?? new Date(this.#clock.now()).toISOString();
      this.put({
        ...node,
        cordonedBy: 'wdrip',
        annotations: { ...node.annotations, [kubernetesNames.cordoned]: mark },
      });
      this.#onAct({ act: 'cordon', node: name });
    }, signal);
  }

  async uncordon(name: string, signal?: AbortSignal): Promise<void> {
    await this.#call(() => {
      const node = this.nodes.get(name);
      if (node?.annotations[kubernetesNames.cordoned] === undefined) return;
      const cordonedBy = node.cordonedBy === 'wdrip' ? null : node.cordonedBy;
      this.put({ ...node, cordonedBy, annotations: unmarked(node.annotations) });
      this.#onAct({ act: 'uncordon', node: name });
    }, signal);
  }

  async annotate(
    name: string,
    annotations: Readonly<Record<string, string | null>>,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#call(() => {
      const node = this.nodes.get(name);
      if (node === undefined) return;
      const merged = Object.entries({ ...node.annotations, ...annotations });
      this.put({
        ...node,
        annotations: Object.fromEntries(
          merged.flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
        ),
      });
    }, signal);
  }

  async drain(
    name: string,
    options: { readonly deadlineMs: number; readonly unreachable: boolean; readonly signal: AbortSignal },
  ): Promise<DrainProgress> {
    const until = this.#clock.now() + options.deadlineMs;
    const wanted = await this.#call(() => {
      this.#onAct({ act: 'drain', node: name });
      return this.#podsOf(name).filter(
        ({ kind, claim }) => kind === 'app' && !(options.unreachable && claim !== null),
      );
    }, options.signal);
    const evicted = new Set<string>();
    for (;;) {
      options.signal.throwIfAborted();
      const blocked: string[] = [];
      for (const pod of wanted) {
        if (evicted.has(pod.name)) continue;
        if (this.#evict(pod.name, name)) evicted.add(pod.name);
        else blocked.push(`default/${pod.name}`);
      }
      const left = wanted.filter((pod) => {
        const now = this.pods.get(pod.name);
        return now?.node === name && !(options.unreachable && now.deleting);
      });
      if (left.length === 0 || this.#clock.now() >= until)
        return { total: wanted.length, evicted: evicted.size, blocked, left: left.length };
      await sleep(this.#clock, Math.min(evictAgainMs, until - this.#clock.now()), options.signal);
    }
  }

  async releasePods(name: string, signal?: AbortSignal): Promise<number> {
    return this.#call(() => {
      const pods = this.#podsOf(name);
      for (const pod of pods) this.pods.delete(pod.name);
      for (const [attachment, node] of this.attachments)
        if (node === name) this.attachments.delete(attachment);
      this.#onAct({ act: 'releasePods', node: name });
      return pods.length;
    }, signal);
  }

  async deleteNode(name: string, signal?: AbortSignal): Promise<void> {
    await this.#call(() => {
      this.remove(name);
      this.#onAct({ act: 'deleteNode', node: name });
    }, signal);
  }

  async event(entry: {
    readonly node: string;
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly message: string;
    readonly key: string;
  }): Promise<void> {
    await this.#call(() => {
      const { key, ...event } = entry;
      const count = (this.events.get(key)?.count ?? 0) + 1;
      remember(this.events, key, { ...event, message: event.message.slice(0, longestMessage), count });
    });
  }

  async version(): Promise<string> {
    return this.#call(() => simulatedVersion);
  }

  async createBootstrapToken(options: {
    readonly ttlMs: number;
    readonly description: string;
  }): Promise<string> {
    const id = this.#random.hex(tokenIdBytes);
    const secret = this.#random.hex(tokenSecretBytes);
    await this.#call(() =>
      remember(this.tokens, id, {
        'token-id': id,
        'token-secret': secret,
        description: options.description,
        expiration: new Date(this.#clock.now() + options.ttlMs).toISOString(),
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      }),
    );
    return `${id}.${secret}`;
  }

  /** A kubelet registers its node, or somebody makes it. */
  register(
    name: string,
    labels: Readonly<Record<string, string>>,
    instanceId = instanceIdOf(name),
  ): NodeObject {
    this.#uids += 1;
    const node: NodeObject = {
      name,
      uid: `uid-${this.#uids}`,
      instanceId,
      labels,
      annotations: {},
      ready: 'Absent',
      reason: '',
      cordonedBy: null,
    };
    this.put(node);
    return node;
  }

  put(node: NodeObject): void {
    this.nodes.set(node.name, node);
    this.#changed(node.name);
  }

  remove(name: string): void {
    this.beats.forget(name);
    if (this.nodes.delete(name)) this.#changed(name);
  }

  /** The kubelet renews its lease. */
  beat(name: string): void {
    this.beats.beat(name);
  }

  /** When its lease was renewed last, as whoever follows it sees it. */
  heartbeatAt(name: string): number | undefined {
    return this.beats.newest(name);
  }

  /** The way to the API is cut from now on, or open again. */
  setReachable(reachable: boolean): void {
    this.#connected = reachable;
    this.#settle();
  }

  /** Some master's API server has a quorum behind it, or none has. */
  setServed(served: boolean): void {
    this.#served = served;
    this.#settle();
  }

  #settle(): void {
    const reachable = this.#connected && this.#served;
    if (this.reachable === reachable) return;
    this.reachable = reachable;
    this.beats.setReachable(reachable);
    for (const watch of this.#watches) {
      if (reachable) watch.see();
      else this.#clock.after(staleMs, () => (this.reachable ? undefined : watch.blind()));
    }
    this.#onReachable();
  }

  #changed(name: string): void {
    for (const watch of this.#watches) watch.note(name);
    this.#onNode(name);
  }

  /** A call, asked again as the adapter does: every one of them does the same however often it is done. */
  async #call<T>(act: () => T, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1, waitMs = firstRetryMs; ; attempt++, waitMs *= 2) {
      try {
        return await this.#request(act, signal);
      } catch (caught) {
        const again =
          caught instanceof Failure && (caught.kind === 'retryable' || caught.kind === 'throttled');
        if (!again || attempt === tries) throw caught;
        await sleep(this.#clock, waitMs, signal);
      }
    }
  }

  async #request<T>(act: () => T, signal: AbortSignal | undefined): Promise<T> {
    const fate = this.#misfortune();
    await sleep(this.#clock, fate?.how === 'slow' ? slowRequestMs : requestMs, signal);
    if (!this.reachable)
      throw new Failure({
        kind: 'retryable',
        code: 'Unreachable',
        message: 'the simulated API can not be reached',
      });
    if (fate === null || fate.how === 'slow') return act();
    if (fate.how === 'throttled')
      throw new Failure({ kind: 'throttled', code: 'TooManyRequests', message: 'the simulated API is busy' });
    if (fate.afterEffect) act();
    if (fate.how === 'lost') await sleep(this.#clock, noAnswerMs, signal);
    throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'the simulated API gave no answer' });
  }

  #podsOf(node: string): readonly PodObject[] {
    return [...this.pods.values()].filter((pod) => pod.node === node);
  }

  /** The eviction API: false if a budget refuses, or the API is away. */
  #evict(name: string, node: string): boolean {
    const pod = this.pods.get(name);
    if (pod?.node !== node || pod.deleting) return true;
    if (!this.reachable) return false;
    const budgets = [...this.budgets.values()].filter((budget) => selects(budget, pod));
    if (budgets.some(({ allowed }) => allowed <= 0)) return false;
    for (const budget of budgets) budget.allowed -= 1;
    this.pods.set(name, { ...pod, deleting: true });
    return true;
  }
}
