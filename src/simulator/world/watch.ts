import type { KubernetesView, KubernetesWatcher, NodeFacts } from '../../kubernetes/port.ts';
import type { Clock } from '../../runtime/clock.ts';
import { factsOf, type NodeObject } from './objects.ts';

/** Changes are gathered this long before they are told, in ms. As the port says. */
const gatherMs = 100;
/** What a telling that was lost would have told comes after this long, in ms: the watch is opened anew. */
const reopenMs = 1_000;

/** What becomes of one telling of the watch. */
export interface Telling {
  readonly lateMs: number;
  readonly lost: boolean;
  readonly twice: boolean;
}
export const prompt: Telling = { lateMs: 0, lost: false, twice: false };

/** What a watch looks at. */
export interface Watched {
  readonly reachable: boolean;
  readonly nodes: ReadonlyMap<string, NodeObject>;
  heartbeatAt(node: string): number | undefined;
}

/** One watcher, with the nodes as it knows them: what it was not told yet it does not see. */
export class Watch {
  readonly #watcher: KubernetesWatcher;
  readonly #clock: Clock;
  readonly #api: Watched;
  readonly #telling: () => Telling;
  readonly #nodes = new Map<string, NodeFacts>();
  readonly #view: KubernetesView;
  /** Nodes that are not as the watcher knows them. */
  #untold = new Set<string>();
  #said: ReadonlySet<string> = new Set();
  #sight: 'none' | 'sighted' | 'blind' = 'none';
  #sightedAt = 0;
  #cancel: (() => void) | null = null;
  #stopped = false;

  constructor(watcher: KubernetesWatcher, clock: Clock, api: Watched, telling: () => Telling) {
    this.#watcher = watcher;
    this.#clock = clock;
    this.#api = api;
    this.#telling = telling;
    this.#view = {
      nodes: this.#nodes,
      heartbeatAt: (name) => {
        const at = this.#nodes.has(name) ? api.heartbeatAt(name) : undefined;
        return at === undefined ? undefined : Math.max(at, this.#sightedAt);
      },
    };
  }

  /** Sees anew, with a complete list, unless it sees. */
  see(): void {
    if (this.#sight === 'sighted') this.#soon(gatherMs);
    if (this.#stopped || this.#sight === 'sighted') return;
    this.#nodes.clear();
    for (const [name, node] of this.#api.nodes) this.#nodes.set(name, factsOf(node));
    this.#untold.clear();
    this.#sightedAt = this.#clock.now();
    this.#watcher.changed(this.#view, 'all');
    this.#sight = 'sighted';
    this.#watcher.sight('sighted', '');
  }

  blind(): void {
    if (this.#stopped || this.#sight === 'blind') return;
    this.#sight = 'blind';
    this.#watcher.sight('blind', 'the API server does not answer');
  }

  /** The node came, went or changed. */
  note(name: string): void {
    if (this.#stopped || this.#sight !== 'sighted') return;
    this.#untold.add(name);
    this.#soon(gatherMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #soon(ms: number): void {
    if (this.#stopped || this.#untold.size === 0 || !this.#api.reachable) return;
    this.#cancel ??= this.#clock.after(ms, () => {
      this.#cancel = null;
      this.#tell();
    });
  }

  #tell(): void {
    if (!this.#api.reachable) return;
    const { lateMs, lost, twice } = this.#telling();
    if (lost) this.#soon(reopenMs);
    else if (lateMs > 0) this.#clock.after(lateMs, () => this.#say());
    else this.#say();
    if (twice && !lost) this.#clock.after(lateMs + gatherMs, () => this.#say(this.#said));
  }

  /** What was not told yet; or, told again, what was. */
  #say(again: ReadonlySet<string> = new Set()): void {
    if (this.#stopped || this.#sight !== 'sighted') return;
    const touched = new Set([...again, ...this.#untold]);
    this.#untold = new Set();
    if (touched.size === 0) return;
    for (const name of touched) {
      const node = this.#api.nodes.get(name);
      if (node === undefined) this.#nodes.delete(name);
      else this.#nodes.set(name, factsOf(node));
    }
    this.#said = touched;
    this.#watcher.changed(this.#view, touched);
  }
}
