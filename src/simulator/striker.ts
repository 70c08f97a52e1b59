import { cloudTags, nodeNameOf } from '../cloud/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { CrashPlan } from './crashing-store.ts';
import type { Disturbances } from './disturbances.ts';
import { type FaultKind, type InstanceFault, pick, strikesInstance } from './faults.ts';
import type { Machine } from './world/machine.ts';
import type { World } from './world/world.ts';

/** How long what passes by itself lasts at most, in ms. */
const longestBlipMs = 300_000;
const longestApiAwayMs = 600_000;
const longestNoStockMs = 3_600_000;
const longestDisturbanceMs = 900_000;
/** A crash comes within this many commits. */
const commitsAhead = 12;

/** What the faults strike. */
export interface StrikerParts {
  readonly clock: Clock;
  readonly cluster: string;
  readonly world: World;
  readonly disturbances: Disturbances;
  /** By node name: the uid of the node that a person cordoned. Written here. */
  readonly personCordons: Map<string, string>;
  readonly note: (text: string) => void;
  /** The slot's node was taken away. */
  readonly struck: (slot: string, kind: FaultKind) => void;
  /** The supervisor's process ends now, or in a commit to come. */
  readonly kill: () => void;
  readonly crash: (plan: CrashPlan) => void;
}

/** The one who breaks things. */
export class Striker {
  readonly #parts: StrikerParts;

  constructor(parts: StrikerParts) {
    this.#parts = parts;
  }

  /**
   * The fault with this number, now, on something that its own source picks: one that is left out takes no draw from another (`only` in
   * `SimulationOptions`).
   */
  inflict(number: number, kind: FaultKind, random: Random): void {
    const ours = [...this.#parts.world.cloud.machines.values()].filter(
      ({ instance }) => instance.tags[cloudTags.cluster] === this.#parts.cluster,
    );
    const machine = pick(random, ours);
    const struck = machine && strikesInstance(kind) ? machine.instance : null;
    const where = struck === null ? '' : ` strikes ${struck.tags[cloudTags.slot]} (${struck.id})`;
    this.#parts.note(`fault ${number}: ${kind}${where}`);
    if (!strikesInstance(kind)) this.#inflictAround(kind, random);
    else if (machine) this.#inflictOn(machine, kind, random);
  }

  #inflictOn(machine: Machine, kind: InstanceFault, random: Random): void {
    const { id, tags, privateIp } = machine.instance;
    if (kind !== 'agentDies' && kind !== 'cordonedByPerson')
      this.#parts.struck(tags[cloudTags.slot] ?? '', kind);
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
      }
    }
  }

  #inflictAround(kind: Exclude<FaultKind, InstanceFault>, random: Random): void {
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
          commits: Math.floor(random.next() * commitsAhead),
          written: random.next() < 0.5,
        });
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
    this.#apiReturns();
    this.#parts.world.cloud.noStock.clear();
    this.#parts.disturbances.calm();
  }
}
