import { cloudTags, type InstanceSpec } from '../../cloud/port.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { Misfortune } from './calls.ts';
import type { SimulatedCloud } from './cloud.ts';
import type { Group } from './etcd/group.ts';
import type { EtcdData, EtcdDisk, EtcdProcess } from './etcd/process.ts';
import { type Acknowledged, type MembershipChange, SimulatedEtcd } from './etcd.ts';
import type { SimulatedKubernetes } from './kubernetes.ts';
import type { Ailment } from './life.ts';
import type { Machine } from './machine.ts';
import { inspectionText, type MasterCommand, noData, readMasterCommand } from './master-commands.ts';

/** From the boot to the first word of etcd, in ms. */
const etcdStartMs = 8_000;
/** With these nothing runs on the instance; with the others only its kubelet is ill. */
const deadly: readonly Ailment[] = ['reboot', 'disk', 'unbootable'];

/** From one end of etcd to its next start, when it is told to restart, in ms. */
const restartMs = 2_000;

/** A master's system disk: its data, which units start with the instance, and what was done on it once. */
interface MasterDisk extends EtcdDisk {
  readonly enabled: { etcd: boolean; api: boolean };
  readonly attempts: Set<string>;
}

/** Data was made anew on a master, or thrown away, for an attempt. */
export interface DataDeed {
  readonly what: 'wipe' | 'force' | 'restore';
  readonly instance: string;
  readonly attempt: string;
  /** What lay there before, and what lies there now. */
  readonly before: EtcdData | null;
  readonly after: EtcdData | null;
}

type Answer = { readonly exitCode: number; readonly output: string };
const done: Answer = { exitCode: 0, output: 'done\n' };
const failed = (why: string): Answer => ({ exitCode: 1, output: `${why}\n` });

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
  readonly #onChange: () => void;
  readonly #ailmentOf: (id: string) => Ailment | undefined;
  /** By instance. One that is gone stays until it was looked at. */
  readonly #processes = new Map<string, EtcdProcess>();
  /** By system disk: what lies on it goes where it goes. */
  readonly #disks = new Map<string, MasterDisk>();
  /** By instance: a start that is due, by the boot that it belongs to. */
  readonly #starting = new Map<string, number>();
  /** Instances whose etcd, or API server, somebody has stopped. */
  readonly #stopped = new Set<string>();
  readonly #apiStopped = new Set<string>();
  readonly #fetch: (key: string) => Uint8Array | undefined;
  readonly #onData: (deed: DataDeed) => void;

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
    readonly onMembership?: (change: MembershipChange) => void;
    /** An object that masters may read. Default: there is none. */
    readonly fetch?: (key: string) => Uint8Array | undefined;
    readonly onData?: (deed: DataDeed) => void;
    /** The fate of one request to a member of etcd. Default: all are answered. */
    readonly misfortune?: () => Misfortune | null;
  }) {
    const { clock, random } = options;
    this.#cloud = options.cloud;
    this.#api = options.api;
    this.#clock = clock;
    this.#cluster = options.cluster;
    this.#ailmentOf = options.ailmentOf;
    this.#fetch = options.fetch ?? (() => undefined);
    this.#onData = options.onData ?? (() => {});
    this.#onChange = options.onChange;
    this.etcd = new SimulatedEtcd({
      clock,
      random,
      onChange: () => this.#changed(),
      onAcknowledged: options.onAcknowledged,
      ...(options.onMembership === undefined ? {} : { onMembership: options.onMembership }),
      ...(options.misfortune === undefined ? {} : { misfortune: options.misfortune }),
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

  /** A member that runs has a leader, a quorum and room behind it, and an API server beside it. */
  get serves(): boolean {
    return this.serving !== null;
  }

  /** The members that the API stands on; null while it is not served. */
  get serving(): Group | null {
    for (const [id, process] of this.#processes) {
      const group = process.data?.group;
      if (!process.isActive || !process.synced || this.#apiStopped.has(id) || !group?.writable) continue;
      if (group.memberOf(process)?.learner === false && !group.isFull && !group.isCorrupt) return group;
    }
    return null;
  }

  /** The instance has booted: what is enabled runs. */
  booted(id: string): void {
    const machine = this.#cloud.machines.get(id);
    if (machine === undefined || !this.#isMaster(machine)) return;
    const { enabled } = this.#diskOf(machine);
    set(this.#stopped, id, !enabled.etcd);
    set(this.#apiStopped, id, !enabled.api);
    this.wake(id);
    this.#changed();
  }

  /** What a master makes of a command for its etcd; null: it is none. */
  command(id: string, script: string): Answer | null {
    const command = readMasterCommand(script);
    const machine = this.#cloud.machines.get(id);
    if (command === null || machine === undefined || !this.#isMaster(machine)) return null;
    return this.#obey(machine, command);
  }

  #obey(machine: Machine, command: MasterCommand): Answer {
    const { id } = machine.instance;
    const [disk, process] = [this.#diskOf(machine), this.#processOf(machine)];
    const ailment = this.#ailmentOf(id);
    const works = ailment === undefined || !deadly.includes(ailment);
    if (command.kind === 'inspect')
      return this.#inspect(id, process, { isBroken: ailment === 'disk', works });
    if (command.kind === 'stopAll') {
      disk.enabled.etcd = false;
      disk.enabled.api = false;
      this.#apiStopped.add(id);
      this.setStopped(id, true);
      return done;
    }
    if (!works) return failed('Input/output error');
    if (!('attempt' in command)) {
      if (command.kind === 'keep') return process.isRunning ? failed('etcd runs: stop it first') : done;
      if (command.kind === 'seeds') return done;
      if (command.kind === 'restartEtcd') this.etcd.end(process, 'stopped');
      this.#start(id, disk, command.kind === 'startAll');
      return done;
    }
    if (process.isRunning && command.kind !== 'force') return failed('etcd runs: stop it first');
    if (disk.attempts.has(command.attempt)) return { exitCode: 0, output: 'done before\n' };
    const before = disk.data;
    if (command.kind === 'restore') {
      const snapshot = this.#fetch(command.key);
      if (snapshot === undefined) return failed(`there is no object ${command.key}`);
      this.etcd.restore(process, snapshot, command.bumpRevision);
    } else if (command.kind === 'wipe') disk.data = null;
    else {
      if (process.isRunning) this.etcd.end(process, 'stopped');
      disk.enabled.etcd = true;
      this.#stopped.delete(id);
      this.etcd.forceNewCluster(process);
    }
    disk.attempts.add(command.attempt);
    const { kind: what, attempt } = command;
    this.#onData({ what, instance: id, attempt, before, after: disk.data });
    return done;
  }

  #start(id: string, disk: MasterDisk, api: boolean): void {
    disk.enabled.etcd = true;
    if (api) {
      disk.enabled.api = true;
      this.#apiStopped.delete(id);
    }
    this.#stopped.delete(id);
    this.wake(id, restartMs);
    this.#changed();
  }

  #inspect(
    id: string,
    { data, isRunning }: EtcdProcess,
    { isBroken, works }: { readonly isBroken: boolean; readonly works: boolean },
  ): Answer {
    // Looked at is only what is up: its first boot has started whatever nobody has stopped since.
    const text = (found: typeof noData) =>
      inspectionText(found, {
        runs: !this.#apiStopped.has(id) && !this.#stopped.has(id),
        takesWrites: works,
      });
    if (isBroken)
      return { exitCode: 0, output: text({ ...noData, exists: true, broken: 'read: input/output error' }) };
    if (data === null) return { exitCode: 0, output: text(noData) };
    const { memberId, group, term, committed, index } = data;
    return {
      exitCode: 0,
      output: text({
        exists: true,
        memberId,
        clusterId: group.clusterId,
        term,
        commit: committed,
        lastTerm: term,
        lastIndex: index,
        database: null,
        // A database that is in use can't be looked into.
        corrupt: data.rotten && !isRunning,
        inUse: isRunning,
        broken: '',
      }),
    };
  }

  #changed(): void {
    this.#api.setServed(this.serves);
    this.#onChange();
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
  wake(id: string, startMs = etcdStartMs): void {
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
    this.#clock.after(startMs, () => {
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
  #processOf(machine: Machine): EtcdProcess {
    const { id, privateIp } = machine.instance;
    const disk = this.#diskOf(machine);
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

  #diskOf({ instance: { systemDiskId } }: Machine): MasterDisk {
    const known = this.#disks.get(systemDiskId ?? '');
    if (known !== undefined) return known;
    const disk: MasterDisk = { data: null, enabled: { etcd: true, api: true }, attempts: new Set() };
    this.#disks.set(systemDiskId ?? '', disk);
    return disk;
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

function set(among: Set<string>, id: string, holds: boolean): void {
  if (holds) among.add(id);
  else among.delete(id);
}
