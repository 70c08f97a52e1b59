import { kubernetesNames } from '../kubernetes/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { World } from './world/world.ts';

/** How often it looks, how long a node must be NotReady for it, and how long it leaves a node alone that it has acted on, in ms. */
const looksEveryMs = 30_000;
const shortestPatienceMs = 45_000;
const longestPatienceMs = 300_000;
const restMs = 600_000;

/** Another repair system that acts on nodes that are NotReady: simple-minded, as they are. */
export class Rival {
  readonly #clock: Clock;
  readonly #world: World;
  readonly #note: (text: string) => void;
  readonly #onCordon: (node: string, uid: string) => void;
  #until = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly world: World;
    readonly note: (text: string) => void;
    /** It has cordoned the node: not wdrip's cordon. */
    readonly onCordon: (node: string, uid: string) => void;
  }) {
    this.#clock = options.clock;
    this.#world = options.world;
    this.#note = options.note;
    this.#onCordon = options.onCordon;
  }

  /** It is at work for so long, in ms. Whether it honours wdrip's annotation, and how patient it is, is drawn. */
  begin(forMs: number, random: Random): void {
    const now = this.#clock.now();
    const isAtWork = this.#until > now;
    this.#until = now + forMs;
    if (isAtWork) return;
    const honours = random.next() < 0.5;
    const patienceMs = shortestPatienceMs + random.next() * (longestPatienceMs - shortestPatienceMs);
    this.#note(`another repair system begins${honours ? ', and honours the annotation' : ''}`);
    this.#look(new Map(), new Map(), honours, patienceMs, random);
  }

  calm(): void {
    this.#until = 0;
  }

  #look(
    since: Map<string, number>,
    acted: Map<string, number>,
    honours: boolean,
    patienceMs: number,
    random: Random,
  ): void {
    const now = this.#clock.now();
    if (now >= this.#until) return;
    const { api } = this.#world;
    if (api.reachable)
      for (const node of api.nodes.values()) {
        if (node.ready === 'True') {
          since.delete(node.name);
          continue;
        }
        const began = since.get(node.name) ?? now;
        since.set(node.name, began);
        const isHonoured = honours && node.annotations[kubernetesNames.repair] !== undefined;
        if (isHonoured || now - began < patienceMs || now - (acted.get(node.name) ?? 0) < restMs) continue;
        acted.set(node.name, now);
        this.#act(node.name, node.instanceId, random.next());
      }
    this.#clock.after(looksEveryMs, () => this.#look(since, acted, honours, patienceMs, random));
  }

  #act(name: string, instance: string | null, draw: number): void {
    const { api, cloud } = this.#world;
    const node = api.nodes.get(name);
    if (draw < 0.5 && instance !== null) {
      this.#note(`another repair system reboots ${instance}`);
      cloud.rebootByPerson(instance);
    } else if (draw < 0.75 && instance !== null) {
      this.#note(`another repair system deletes ${instance}`);
      cloud.deleteByPerson(instance);
    } else if (node !== undefined && node.cordonedBy === null) {
      this.#note(`another repair system cordons ${name}`);
      this.#onCordon(name, node.uid);
      api.put({ ...node, cordonedBy: 'person' });
    }
  }
}
