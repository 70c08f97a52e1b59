import { cloudTags, type InstanceSpec } from '../../cloud/port.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { SimulatedCloud } from './cloud.ts';
import type { EtcdDisk, EtcdProcess } from './etcd/process.ts';
import { type Acknowledged, SimulatedEtcd } from './etcd.ts';
import type { SimulatedKubernetes } from './kubernetes.ts';
import type { Ailment } from './life.ts';
import type { Machine } from './machine.ts';

/** From the boot to the first word of etcd, in ms. */
const etcdStartMs = 8_000;
/** With these nothing runs on the instance; with the others only its kubelet is ill. */
const deadly: readonly Ailment[] = ['reboot', 'disk', 'unbootable'];

/** Voters of etcd: all, those that run, and those that would without one. */
export interface QuorumWithout {
  readonly voters: number;
  readonly healthy: number;
  readonly healthyWithout: number;
}

/** The pool and the slots of masters. */
const pool = 'control-plane';
const masterTags = (cluster: string, slot: string) => ({
  [cloudTags.cluster]: cluster,
  [cloudTags.pool]: pool,
  [cloudTags.slot]: slot,
  [cloudTags.role]: 'controlPlane',
});

/**
 * The control plane on the simulated instances: an etcd member runs if its instance does, nothing deadly is wrong with it, and its unit is
 * not stopped; its data lies on the instance's system disk. The Kubernetes API serves while a member that runs has a quorum behind it.
 */
export class Masters {
  readonly etcd: SimulatedEtcd;
  readonly #cloud: SimulatedCloud;
  readonly #api: SimulatedKubernetes;
  readonly #clock: Clock;
  readonly #cluster: string;
  readonly #ailmentOf: (id: string) => Ailment | undefined;
  /** By instance. One that is gone stays until it was looked at. */
  readonly #processes = new Map<string, EtcdProcess>();
  /** By system disk: what lies on it goes where it goes. */
  readonly #disks = new Map<string, EtcdDisk>();
  /** By instance: a start that is due, by the boot that it belongs to. */
  readonly #starting = new Map<string, number>();
  /** Instances whose etcd somebody has stopped. */
  readonly #stopped = new Set<string>();

  constructor(options: {
    readonly cloud: SimulatedCloud;
    readonly api: SimulatedKubernetes;
    readonly clock: Clock;
    readonly random: Random;
    readonly cluster: string;
    readonly ailmentOf: (id: string) => Ailment | undefined;
    /** Some member, leader or membership has changed. */
    readonly onChange: () => void;
    readonly onAcknowledged: (acknowledged: Acknowledged) => void;
  }) {
    const { clock, random } = options;
    this.#cloud = options.cloud;
    this.#api = options.api;
    this.#clock = clock;
    this.#cluster = options.cluster;
    this.#ailmentOf = options.ailmentOf;
    this.etcd = new SimulatedEtcd({
      clock,
      random,
      onChange: () => {
        this.#api.setServed(this.serves);
        options.onChange();
      },
      onAcknowledged: options.onAcknowledged,
    });
  }

  /** Makes the first masters, which found the cluster together. */
  populate(
    count: number,
    zones: readonly string[],
    spec: Omit<InstanceSpec, 'userData' | 'tags' | 'zone'>,
  ): void {
    this.#api.setServed(false);
    const ids = Array.from({ length: count }, (_, index) =>
      this.#cloud.create({
        ...spec,
        zone: zones[index % zones.length] ?? '',
        tags: masterTags(this.#cluster, `${pool}-${index}`),
        userData: '#!/bin/sh\n',
      }),
    );
    const processes = ids.flatMap((id) => {
      const machine = this.#cloud.machines.get(id);
      return machine === undefined ? [] : [this.#processOf(machine)];
    });
    this.etcd.found(processes);
  }

  /** A member that runs has a leader and a quorum behind it, and an API server beside it. */
  get serves(): boolean {
    return [...this.#processes.values()].some(
      (process) => process.isActive && process.synced && process.data?.group.writable === true,
    );
  }

  /** How the quorum stands, and how it would without this instance's voter; null if it has none. */
  quorumWithout(id: string): QuorumWithout | null {
    const process = this.#processes.get(id);
    const group = process?.data?.group;
    if (process === undefined || group?.memberOf(process)?.learner !== false) return null;
    const standing = group.activeVoters;
    return {
      voters: group.members.filter(({ learner }) => !learner).length,
      healthy: standing.length,
      healthyWithout: standing.filter((each) => each !== process).length,
    };
  }

  /** By instance: the etcd of each master that is there. */
  get processes(): ReadonlyMap<string, EtcdProcess> {
    return this.#processes;
  }

  /** Something about an instance has changed: its etcd stops at once, or starts after a while. */
  wake(id: string): void {
    const machine = this.#cloud.machines.get(id);
    if (machine === undefined) this.#forget(id);
    if (machine === undefined || !this.#isMaster(machine)) return;
    const process = this.#processOf(machine);
    if (!this.#mayRun(machine)) {
      this.#starting.delete(id);
      // A soft stop asks it to end. Whatever else took it away did not.
      const how = machine.instance.status === 'Stopping' ? 'stopped' : 'killed';
      if (process.isRunning) this.etcd.end(process, how);
      return;
    }
    if (process.isRunning || this.#starting.get(id) === machine.boots) return;
    this.#starting.set(id, machine.boots);
    this.#clock.after(etcdStartMs, () => {
      if (this.#starting.get(id) !== machine.boots) return;
      this.#starting.delete(id);
      if (this.#cloud.machines.get(id) === machine && this.#mayRun(machine))
        this.etcd.start(this.#processOf(machine));
    });
  }

  /** The same of a whole zone. */
  wakeZone(zone: string): void {
    for (const [id, { instance }] of this.#cloud.machines) if (instance.zone === zone) this.wake(id);
  }

  /** Somebody stops etcd's unit on an instance, or starts it. */
  setStopped(id: string, stopped: boolean): void {
    if (stopped) this.#stopped.add(id);
    else this.#stopped.delete(id);
    this.wake(id);
  }

  /** Somebody deletes the data directory on an instance: its etcd ends with that. */
  wipe(id: string): void {
    const process = this.#processes.get(id);
    if (process === undefined) return;
    this.etcd.end(process, 'killed');
    process.disk.data = null;
    this.wake(id);
  }

  #isMaster({ instance: { tags } }: Machine): boolean {
    return tags[cloudTags.cluster] === this.#cluster && tags[cloudTags.role] === 'controlPlane';
  }

  #mayRun({ instance: { id, status, zone } }: Machine): boolean {
    const ailment = this.#ailmentOf(id);
    return (
      status === 'Running' &&
      !this.#cloud.failedZones.has(zone) &&
      !this.#stopped.has(id) &&
      (ailment === undefined || !deadly.includes(ailment))
    );
  }

  /** With whatever lies on the system disk that the instance has now. */
  #processOf({ instance: { id, privateIp, systemDiskId } }: Machine): EtcdProcess {
    const disk = this.#disks.get(systemDiskId ?? '') ?? { data: null };
    this.#disks.set(systemDiskId ?? '', disk);
    const known = this.#processes.get(id);
    if (known !== undefined) {
      if (known.disk !== disk) {
        if (known.isRunning) this.etcd.end(known, 'killed');
        known.disk = disk;
      }
      return known;
    }
    const address = { endpoint: `https://${privateIp}:2379`, peerUrl: `https://${privateIp}:2380` };
    const process = this.etcd.place(id, address, disk);
    this.#processes.set(id, process);
    return process;
  }

  #forget(id: string): void {
    const process = this.#processes.get(id);
    if (process === undefined) return;
    this.etcd.end(process, 'killed');
    this.etcd.processes.delete(process.endpoint);
    this.#processes.delete(id);
    this.#starting.delete(id);
  }
}
