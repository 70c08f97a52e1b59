import { cloudTags, nodeNameOf } from '../../cloud/port.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Random, seededRandom } from '../../runtime/random.ts';
import { createMemoryStore } from '../../store/memory.ts';
import { Chronicle } from '../../supervisor/chronicle.ts';
import { actorIds, statePath } from '../../supervisor/fleet.ts';
import type { Tone } from '../../supervisor/story.ts';
import type { Current } from '../../supervisor/subject.ts';
import { backupRegions } from '../config.ts';
import { Disturbances } from '../disturbances.ts';
import { type SupervisorLife, startLife } from '../life-of-supervisor.ts';
import { QuorumStriker } from '../quorum-striker.ts';
import type { CloudEffect } from '../world/cloud.ts';
import type { NodeAct } from '../world/kubernetes.ts';
import type { Machine } from '../world/machine.ts';
import { Vault } from '../world/vault.ts';
import { World } from '../world/world.ts';
import { embedded, embeddedConfig } from './config.ts';
import type { PacedClock } from './paced-clock.ts';
import { startWriter } from './writer.ts';

/** All instances are up after this, in ms of the cluster's time: then the supervisor starts, and finds a healthy cluster. */
const bootMs = 120_000;
/** All nodes are seen healthy within this, in ms of the cluster's time, or something is wrong with us. */
const seenWithinMs = 600_000;
const seenStepMs = 1_000;
/** A killed supervisor is started again after this, in ms of the wall's time, so that a person sees it gone at any speed. */
const restartAfterMs = 4_000;

/** What wdrip's calls to the cloud are called in the story. Those that only look are not told. */
const cloudWords: Partial<Record<CloudEffect['call'], string>> = {
  reboot: 'RebootInstance',
  start: 'StartInstance',
  stop: 'StopInstance',
  replaceSystemDisk: 'ReplaceSystemDisk',
  deleteInstance: 'DeleteInstance',
  runInstance: 'RunInstances',
  runCommand: 'RunCommand',
};

/** A cluster in this process, with the real supervisor on it, which can be killed: the store outlives it. */
export class EmbeddedCluster {
  readonly clock: PacedClock;
  readonly world: World;
  readonly disturbances: Disturbances;
  readonly chronicle = new Chronicle();
  readonly config = embeddedConfig();
  readonly #wall: Clock;
  readonly #random: Random;
  readonly #store = createMemoryStore();
  /** Backups: what lies in object storage outlives the supervisor and every master. */
  readonly vault = new Vault(backupRegions);
  readonly quorumStriker: QuorumStriker;
  #life: SupervisorLife | null = null;
  #stopped = false;

  constructor(options: { readonly clock: PacedClock; readonly wall: Clock; readonly seed: number }) {
    this.clock = options.clock;
    this.#wall = options.wall;
    this.#random = seededRandom(options.seed);
    this.disturbances = new Disturbances(this.clock, this.#branch());
    this.world = new World({
      clock: this.clock,
      random: this.#branch(),
      config: this.config,
      zones: embedded.zones,
      masters: embedded.masters,
      misfortune: () => this.disturbances.misfortune(),
      telling: () => this.disturbances.telling(),
      onEffect: (effect) => this.#onEffect(effect),
      onAct: (act) => this.#onAct(act),
    });
    const { clock, world, vault } = this;
    this.quorumStriker = new QuorumStriker({
      clock,
      world,
      vault,
      cluster: embedded.cluster,
      note: () => {},
    });
  }

  /** Brings the cluster up in no time, and lets time go by from then on. Resolves when every node is seen healthy. */
  async start(): Promise<void> {
    this.world.populate();
    if (this.world.masters !== null) startWriter(this.clock, this.world.masters);
    await this.clock.skip(bootMs);
    this.#startLife();
    for (let passed = 0; !this.#isHealthy(); passed += seenStepMs) {
      if (passed > seenWithinMs) throw new Error('the simulated cluster does not become healthy');
      await this.clock.skip(seenStepMs);
    }
    this.clock.start();
  }

  stop(): void {
    this.#stopped = true;
    this.clock.stop();
    this.#life?.kill();
    this.#life = null;
  }

  /** Null while the supervisor is dead. */
  supervisor(): Current | null {
    return this.#life;
  }

  /** As a SIGKILL. What it knew is in the store, and it comes back on that after a few seconds. */
  killSupervisor(): void {
    if (this.#life === null) return;
    this.#life.kill();
    this.#life = null;
    this.#wall.after(restartAfterMs, () => {
      if (this.#stopped) return;
      this.tell(null, 'the supervisor is back, and goes on where its records say', 'good');
      this.#startLife();
    });
  }

  tell(slot: string | null, text: string, tone: Tone): void {
    this.chronicle.add(this.clock.now(), { slot, text, tone });
  }

  /** This cluster's instances, by slot. */
  machines(): readonly { readonly slot: string; readonly machine: Machine }[] {
    return [...this.world.cloud.machines.values()]
      .filter(({ instance }) => instance.tags[cloudTags.cluster] === embedded.cluster)
      .map((machine) => ({ slot: machine.instance.tags[cloudTags.slot] ?? '', machine }));
  }

  #branch(): Random {
    return seededRandom(Math.floor(this.#random.next() * 2 ** 32));
  }

  #startLife(): void {
    this.#life = startLife({
      config: this.config,
      clock: this.clock,
      random: this.#branch(),
      store: this.#store,
      cloud: this.world.cloud,
      kubernetes: this.world.api,
      zones: embedded.zones,
      instanceSpec: (slot, zone) => this.world.spec(slot, zone),
      controlPlane: this.world.masters && {
        etcd: this.world.masters.etcd,
        vault: this.vault,
        shared: this.world.shared,
      },
      onTransition: (transition) => this.chronicle.heard(transition),
      onCrash: () => {},
      onDefect: (why) => {
        throw new Error(`the supervisor could not start: ${why}`);
      },
    });
  }

  #isHealthy(): boolean {
    const actors = this.#life?.supervisor.fleet.all() ?? [];
    const wanted = embedded.masters + embedded.workers;
    return (
      actors.length === wanted &&
      actors.every(({ state }) => state === 'healthy') &&
      this.#controlPlaneIsWell()
    );
  }

  /** etcd's quorum is whole, and there is a backup that could be restored, with the changes after it. */
  #controlPlaneIsWell(): boolean {
    if (this.#life === null) return false;
    const { runtime, backups } = this.#life;
    const quorum = runtime.record(actorIds.quorum);
    const isWhole = quorum !== undefined && statePath(quorum.snapshot.value) === 'healthy';
    return isWhole && this.vault.backups.some(({ verified }) => verified) && backups?.shipped() != null;
  }

  #onEffect({ call, id }: CloudEffect): void {
    const words = cloudWords[call];
    const slot = this.world.cloud.machines.get(id)?.instance.tags[cloudTags.slot];
    if (words !== undefined && slot !== undefined) this.tell(slot, `cloud: ${words} ${id}`, 'note');
  }

  #onAct({ act, node }: NodeAct): void {
    const owner = this.machines().find(({ machine }) => nodeNameOf(machine.instance) === node);
    if (owner !== undefined) this.tell(owner.slot, `kubernetes: ${act} ${node}`, 'note');
  }
}
