import { cloudTags, nodeNameOf } from '../cloud/port.ts';
import { kubernetesNames } from '../kubernetes/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type Aim, drawAim, isMoment } from './aims.ts';
import type { CrashPlan } from './crashing-store.ts';
import type { Disturbances } from './disturbances.ts';
import {
  type FaultKind,
  type InstanceFault,
  pick,
  type QuorumFault,
  strikesInstance,
  strikesQuorum,
} from './faults.ts';
import type { OwnClock } from './own-clock.ts';
import type { People } from './people.ts';
import { byChance, QuorumStriker } from './quorum-striker.ts';
import type { Rival } from './rival.ts';
import type { Machine } from './world/machine.ts';
import type { Vault } from './world/vault.ts';
import type { World } from './world/world.ts';

/** How long what passes by itself lasts at most, in ms. */
const longestBlipMs = 300_000;
const longestApiAwayMs = 600_000;
const longestNoStockMs = 3_600_000;
const longestDisturbanceMs = 900_000;
const longestZoneAwayMs = 1_800_000;
const longestLockMs = 3_600_000;
const longestLieMs = 1_800_000;
const longestPauseMs = 2_400_000;
const longestRetagMs = 2_400_000;
const longestRivalMs = 7_200_000;
/**
 * A clock is set by at most this, in ms, forward or back; most are set by less than a tenth of it. It gains or loses at most this share.
 */
const furthestSetMs = 1_200_000;
const mostDrift = 0.005;
/** One that flaps is said to be NotReady for between these, and then Ready for as long, so many times at most. In ms. */
const shortestFlapMs = 5_000;
const longestFlapMs = 60_000;
const mostFlaps = 12;
/** Whoever sets a clock often restarts what reads it. */
const shareOfKillsWithIt = 0.7;
/** A crash while the records are read back comes within so many of them. */
const recordsAhead = 12;
/** A crash comes within this many commits. */
const commitsAhead = 12;

/** What the faults strike. */
export interface StrikerParts {
  readonly clock: Clock;
  readonly cluster: string;
  readonly world: World;
  readonly vault: Vault;
  readonly disturbances: Disturbances;
  /** By node name: the uid of the node that a person cordoned. Written here. */
  readonly personCordons: Map<string, string>;
  readonly note: (text: string) => void;
  /** The slot's node was taken away. */
  readonly struck: (slot: string, kind: FaultKind) => void;
  /** The supervisor's process ends now, or in a commit to come. */
  readonly kill: () => void;
  readonly crash: (plan: CrashPlan) => void;
  /** It ends now, and the next one dies as planned. */
  readonly killTwice: (plan: CrashPlan) => void;
  readonly ownClock: OwnClock;
  readonly people: People;
  readonly rival: Rival;
  /** Somebody wants another number of nodes, drawn from `random`. */
  readonly scale: (random: Random) => void;
}

/** The one who breaks things. */
export class Striker {
  readonly #parts: StrikerParts;
  readonly #quorum: QuorumStriker;
  /** Instances that a person took the cluster's tag from. */
  readonly #retagged = new Set<string>();
  /** Faults that wait for a moment of a repair. */
  #aims: readonly Aim[] = [];

  constructor(parts: StrikerParts) {
    this.#parts = parts;
    this.#quorum = new QuorumStriker(parts);
  }

  /**
   * The fault with this number, on something that its own source picks: one that is left out takes no draw from another (`only` in
   * `SimulationOptions`). It strikes now, or waits for a moment of a repair and strikes there.
   */
  inflict(number: number, kind: FaultKind, random: Random): void {
    const aim = drawAim(number, kind, random, this.#parts.clock.now());
    if (aim === null) this.#strike(number, kind, random, null);
    else this.#aims = [...this.#aims, aim];
  }

  /** A slot's node has come from one state to another: what waited for that strikes. */
  moved(slot: string, from: string, to: string): void {
    if (this.#aims.length === 0) return;
    const now = this.#parts.clock.now();
    const due = this.#aims.filter((aim) => aim.until <= now || isMoment(aim, from, to));
    if (due.length === 0) return;
    this.#aims = this.#aims.filter((aim) => !due.includes(aim));
    for (const { number, kind, random, delayMs, until } of due)
      this.#parts.clock.after(delayMs, () => this.#strike(number, kind, random, until <= now ? null : slot));
  }

  /** `aimed`: the slot that it strikes, or null for whichever. */
  #strike(number: number, kind: FaultKind, random: Random, aimed: string | null): void {
    const ours = [...this.#parts.world.cloud.machines.values()].filter(
      ({ instance: { tags } }) => tags[cloudTags.cluster] === this.#parts.cluster,
    );
    const drawn = pick(random, ours);
    const machine = ours.find(({ instance }) => instance.tags[cloudTags.slot] === aimed) ?? drawn;
    const struck = machine && strikesInstance(kind) ? machine.instance : null;
    const where = struck === null ? '' : ` strikes ${struck.tags[cloudTags.slot]} (${struck.id})`;
    this.#parts.note(`fault ${number}: ${kind}${where}`);
    if (strikesQuorum(kind)) this.#quorum.inflict(kind, byChance(random));
    else if (!strikesInstance(kind)) this.#inflictAround(kind, random);
    else if (machine) this.#inflictOn(machine, kind, random);
  }

  #inflictOn(machine: Machine, kind: InstanceFault, random: Random): void {
    const { id, tags, privateIp } = machine.instance;
    if (takesAway(kind)) this.#parts.struck(tags[cloudTags.slot] ?? '', kind);
    switch (kind) {
      case 'blip':
        this.#parts.world.life.ailments.set(id, 'blip');
        this.#parts.clock.after(Math.ceil(random.next() * longestBlipMs), () => {
          if (this.#parts.world.life.ailments.get(id) === 'blip') this.#parts.world.life.ailments.delete(id);
        });
        break;
      case 'kubeletDies':
        this.#parts.world.life.ailments.set(id, 'kubelet');
        break;
      case 'needsReboot':
        this.#parts.world.life.ailments.set(id, 'reboot');
        break;
      case 'diskBroken':
        this.#parts.world.life.ailments.set(id, 'disk');
        break;
      case 'unbootable':
        machine.agentAlive = false;
        this.#parts.world.life.ailments.set(id, 'unbootable');
        break;
      case 'stoppedByPerson':
        this.#parts.world.cloud.stopByPerson(id);
        break;
      case 'deletedByPerson':
        this.#parts.world.cloud.deleteByPerson(id);
        break;
      case 'cloudRepairs':
        this.#parts.world.life.ailments.set(id, 'reboot');
        this.#parts.world.cloud.executeSystemEvent(id);
        break;
      case 'agentDies':
        machine.agentAlive = false;
        break;
      case 'cordonedByPerson': {
        const node = this.#parts.world.api.nodes.get(nodeNameOf({ privateIp, id }));
        if (node === undefined || node.cordonedBy !== null) break;
        this.#parts.personCordons.set(node.name, node.uid);
        this.#parts.world.api.put({ ...node, cordonedBy: 'person' });
        break;
      }
      case 'nodeObjectDeleted':
        this.#parts.world.api.remove(nodeNameOf({ privateIp, id }));
        if (!this.#parts.world.life.ailments.has(id)) this.#parts.world.life.ailments.set(id, 'unregistered');
        break;
      case 'rebootedByPerson':
        this.#parts.world.cloud.rebootByPerson(id);
        break;
      case 'lockedByCloud':
        this.#lock(machine, random);
        break;
      case 'liedAbout':
        this.#lie(id, Math.ceil(random.next() * longestLieMs));
        break;
      case 'flaps':
        this.#flap(id, random, Math.ceil(random.next() * mostFlaps));
        break;
      case 'pausedNode':
        this.#parts.people.pause(
          { kind: 'slot', id: tags[cloudTags.slot] ?? '' },
          Math.ceil(random.next() * longestPauseMs),
        );
        break;
      case 'pausedByAnnotation':
        this.#annotate(nodeNameOf({ privateIp, id }), random);
        break;
      case 'retaggedByPerson':
        this.#retag(id, random);
    }
  }

  /** For a reason for which the cloud refuses work on it; an unpaid bill stops it too. */
  #lock(machine: Machine, random: Random): void {
    const { id } = machine.instance;
    const reason = random.next() < 0.5 ? 'security' : 'financial';
    this.#parts.world.cloud.lock(id, reason);
    if (reason === 'financial') this.#parts.world.cloud.stopByPerson(id);
    else this.#parts.world.life.ailments.set(id, 'reboot');
    this.#parts.clock.after(Math.ceil(random.next() * longestLockMs), () =>
      this.#parts.world.cloud.lock(id, null),
    );
  }

  /** Kubernetes says NotReady of what is well. */
  #lie(id: string, forMs: number): void {
    this.#parts.world.life.lies.set(id, this.#parts.clock.now() + forMs);
  }

  #flap(id: string, random: Random, left: number): void {
    if (left === 0 || !this.#parts.world.cloud.machines.has(id)) return;
    const forMs = shortestFlapMs + Math.ceil(random.next() * (longestFlapMs - shortestFlapMs));
    this.#lie(id, forMs);
    this.#parts.clock.after(2 * forMs, () => this.#flap(id, random, left - 1));
  }

  /** For a while the instance is said to be another cluster's: wdrip must leave it alone. */
  #retag(id: string, random: Random): void {
    const { cloud } = this.#parts.world;
    cloud.tag(id, cloudTags.cluster, 'another');
    this.#retagged.add(id);
    this.#parts.clock.after(Math.ceil(random.next() * longestRetagMs), () => this.#tagBack(id));
  }

  #tagBack(id: string): void {
    if (this.#retagged.delete(id)) this.#parts.world.cloud.tag(id, cloudTags.cluster, this.#parts.cluster);
  }

  #annotate(name: string, random: Random): void {
    const set = (value: string | null) => {
      const node = this.#parts.world.api.nodes.get(name);
      if (node === undefined) return;
      const { [kubernetesNames.paused]: _, ...rest } = node.annotations;
      const annotations = value === null ? rest : { ...rest, [kubernetesNames.paused]: value };
      this.#parts.world.api.put({ ...node, annotations });
    };
    set('true');
    this.#parts.clock.after(Math.ceil(random.next() * longestPauseMs), () => set(null));
  }

  #inflictAround(kind: Exclude<FaultKind, InstanceFault | QuorumFault>, random: Random): void {
    switch (kind) {
      case 'apiUnreachable':
        this.#parts.world.api.setReachable(false);
        this.#parts.clock.after(Math.ceil(random.next() * longestApiAwayMs), () => this.#apiReturns());
        break;
      case 'outOfStock': {
        const zone = pick(random, this.#parts.world.zones) ?? '';
        this.#parts.world.cloud.noStock.add(zone);
        this.#parts.clock.after(Math.ceil(random.next() * longestNoStockMs), () =>
          this.#parts.world.cloud.noStock.delete(zone),
        );
        break;
      }
      case 'supervisorKilled':
        this.#parts.kill();
        break;
      case 'supervisorKilledAtCommit':
        this.#parts.crash({
          at: 'commit',
          commits: Math.floor(random.next() * commitsAhead),
          written: random.next() < 0.5,
        });
        break;
      case 'supervisorKilledRestoring':
        this.#parts.killTwice({ at: 'restore', records: Math.floor(random.next() * recordsAhead) });
        break;
      case 'zoneFails': {
        const { cloud, zones } = this.#parts.world;
        const zone = pick(random, zones) ?? '';
        cloud.failedZones.add(zone);
        this.#parts.clock.after(Math.ceil(random.next() * longestZoneAwayMs), () => {
          cloud.failedZones.delete(zone);
        });
        break;
      }
      case 'poolLiedAbout': {
        const forMs = Math.ceil(random.next() * longestLieMs);
        for (const { instance } of this.#parts.world.cloud.machines.values())
          if (instance.tags[cloudTags.cluster] === this.#parts.cluster) this.#lie(instance.id, forMs);
        break;
      }
      case 'budgetBlocks':
        this.#parts.world.life.budgetsBlocked = true;
        this.#parts.clock.after(Math.ceil(random.next() * longestNoStockMs), () => {
          this.#parts.world.life.budgetsBlocked = false;
        });
        break;
      case 'pausedCluster':
        this.#parts.people.pause({ kind: 'cluster' }, Math.ceil(random.next() * longestPauseMs));
        break;
      case 'pausedPool':
        this.#parts.people.pause({ kind: 'pool', id: 'workers' }, Math.ceil(random.next() * longestPauseMs));
        break;
      case 'scaled':
        this.#parts.scale(random);
        break;
      case 'rivalRepairs':
        this.#parts.rival.begin(Math.ceil(random.next() * longestRivalMs), random);
        break;
      case 'clockSet': {
        const far = random.next() < 0.3 ? furthestSetMs : furthestSetMs / 10;
        const byMs = Math.round((2 * random.next() - 1) * far);
        this.#parts.note(`the supervisor's clock is set by ${byMs} ms`);
        this.#parts.ownClock.set(byMs);
        if (random.next() < shareOfKillsWithIt) this.#parts.kill();
        break;
      }
      case 'clockDrifts':
        this.#parts.ownClock.drift((2 * random.next() - 1) * mostDrift);
        if (random.next() < shareOfKillsWithIt) this.#parts.kill();
        break;
      default:
        this.#parts.disturbances.begin(kind, Math.ceil(random.next() * longestDisturbanceMs));
    }
  }

  #apiReturns(): void {
    if (this.#parts.world.api.reachable) return;
    this.#parts.note('the API is back');
    this.#parts.world.life.awoke();
    this.#parts.world.api.setReachable(true);
  }

  /** Ends all that lasts. What is broken stays so until it is repaired. */
  calm(): void {
    const { world, disturbances, people, rival } = this.#parts;
    this.#aims = [];
    this.#quorum.calm();
    this.#apiReturns();
    world.cloud.noStock.clear();
    world.cloud.failedZones.clear();
    for (const id of [...this.#retagged]) this.#tagBack(id);
    for (const id of world.cloud.machines.keys()) world.cloud.lock(id, null);
    for (const node of world.api.nodes.values()) {
      const { [kubernetesNames.paused]: paused, ...annotations } = node.annotations;
      if (paused !== undefined) world.api.put({ ...node, annotations });
    }
    world.life.lies.clear();
    world.life.budgetsBlocked = false;
    people.calm();
    rival.calm();
    disturbances.calm();
  }
}

/** True of a fault that leaves the slot without a node that is up, at least for a moment. */
function takesAway(kind: InstanceFault): boolean {
  return ![
    'agentDies',
    'cordonedByPerson',
    'liedAbout',
    'flaps',
    'pausedNode',
    'pausedByAnnotation',
    'retaggedByPerson',
  ].includes(kind);
}
