import type { Machine } from '../world/machine.ts';
import type { EmbeddedCluster } from './cluster.ts';

/** What lasts for a while and passes by itself: until when, in epoch ms of the cluster's clock. */
export class Outages {
  readonly #cluster: EmbeddedCluster;
  readonly #until = new Map<string, { readonly at: number; readonly end: () => void }>();

  constructor(cluster: EmbeddedCluster) {
    this.#cluster = cluster;
  }

  /** By the id of the breakage. */
  underWay(): readonly { readonly id: string; readonly until: number }[] {
    return [...this.#until].map(([id, { at }]) => ({ id, until: at }));
  }

  /** Something that ends by itself, and is only to be shown. One that begins again lasts anew. */
  note(id: string, forMs: number, end: () => void = () => {}): void {
    const at = this.#cluster.clock.now() + forMs;
    this.#until.set(id, { at, end });
    this.#cluster.clock.after(forMs, () => {
      if (this.#until.get(id)?.at === at) this.#end(id);
    });
  }

  hideApi(forMs: number): void {
    this.#cluster.world.api.setReachable(false);
    this.note('apiUnreachable', forMs, () => this.#cluster.world.api.setReachable(true));
  }

  /** Neither kubelet nor agent of these can be reached. */
  cutOff(machines: readonly Machine[], forMs: number, id?: string): void {
    const { ailments } = this.#cluster.world.life;
    const cut = machines.filter(({ instance }) => !ailments.has(instance.id));
    for (const machine of cut) {
      ailments.set(machine.instance.id, 'blip');
      machine.agentAlive = false;
    }
    const end = () => {
      for (const machine of cut) {
        if (ailments.get(machine.instance.id) === 'blip') ailments.delete(machine.instance.id);
        if (machine.instance.status === 'Running') machine.agentAlive = true;
      }
    };
    this.note(id ?? `blip ${cut.map(({ instance }) => instance.id).join(' ')}`, forMs, end);
  }

  /** The detector says NotReady of nodes that are well. */
  lieAbout(machines: readonly Machine[], forMs: number): void {
    const { lies } = this.#cluster.world.life;
    for (const { instance } of machines) lies.set(instance.id, this.#cluster.clock.now() + forMs);
    this.note('workersLiedAbout', forMs, () => {
      for (const { instance } of machines) lies.delete(instance.id);
    });
  }

  failZone(zone: string, forMs: number): void {
    const { failedZones } = this.#cluster.world.cloud;
    failedZones.add(zone);
    this.note('zoneDown', forMs, () => failedZones.delete(zone));
  }

  sellOut(zone: string, forMs: number): void {
    const { noStock } = this.#cluster.world.cloud;
    noStock.add(zone);
    this.note('outOfStock', forMs, () => noStock.delete(zone));
  }

  /** Ends all that lasts, and pays all bills. What is broken stays so until it is repaired. */
  calm(): void {
    for (const id of [...this.#until.keys()]) this.#end(id);
    this.#cluster.disturbances.calm();
    this.#cluster.quorumStriker.calm();
    for (const { machine } of this.#cluster.machines())
      if (machine.instance.locks.length > 0) this.#cluster.world.cloud.lock(machine.instance.id, null);
  }

  #end(id: string): void {
    const outage = this.#until.get(id);
    this.#until.delete(id);
    outage?.end();
  }
}
