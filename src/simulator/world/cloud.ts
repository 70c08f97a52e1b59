import {
  type Asking,
  type Cloud,
  type CommandResult,
  cloudTags,
  type Instance,
  type InstanceList,
  type InstanceSpec,
} from '../../cloud/port.ts';
import { Failure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { type CloudCall, callCloud, type Misfortune, type Repeat, readCloud } from './calls.ts';
import { addressOf, type Machine, toTheMinute } from './machine.ts';
import { remember } from './memory.ts';
import { ObservedSet } from './observed.ts';

/** How long the cloud takes, in ms, near what people see of the real one; each is drawn up to a fifth shorter or longer. */
const takes = {
  pending: 3_000,
  starting: 10_000,
  stopping: 5_000,
  rebooting: 10_000,
  deleting: 5_000,
} as const;
/** A soft stop or reboot waits this much longer for the operating system. */
const graceMs = 5_000;
/** A command that the agent does not take is told as undelivered after this long. */
const deliveryMs = 60_000;
const commandMs = 1_000;
/** How long a system event executes. */
const eventMs = 120_000;
/** A list shows the state of at most this long ago, in ms: what is older than that is forgotten. */
export const longestLagMs = 12_000;
/** The only one of the simulated account. */
export const simulatedSecurityGroup = 'sg-simulated';
/** Instances on a page of the list, as the API gives at most. */
const pageSize = 100;

/** What the inside of an instance makes of a command: `null` never ends. */
export type Agent = (
  id: string,
  script: string,
) => { readonly exitCode: number; readonly output: string } | null;

/** A change that took effect on an instance, as the history and the invariants see it. */
export interface CloudEffect {
  readonly call: CloudCall;
  readonly id: string;
  readonly token: string | null;
}

export interface SimulatedCloudOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly misfortune: (call: CloudCall) => Misfortune | null;
  /** Draws how old the state is that one list shows, in ms; at most `longestLagMs`. Default: it is of now. */
  readonly listLagMs?: () => number;
  /** Draws whether a list that is made now lacks an instance that exists; null: it lacks none. Default: it never does. */
  readonly lacks?: () => (() => boolean) | null;
  readonly agent: Agent;
  readonly onEffect: (effect: CloudEffect) => void;
  /** There was no stock in the zone for what was asked for with this token. */
  readonly onRefusal?: (token: string, zone: string) => void;
  /** The instance has booted; `first` on an empty disk. */
  readonly onBoot: (id: string, first: boolean) => void;
  /** What the cloud shows of the instance has changed, or it is gone; a zone has failed, or is back. */
  readonly onChange?: (id: string) => void;
  readonly onZone?: (zone: string) => void;
}

/**
 * The cloud in memory: asynchronous states, preconditions, ClientTokens, stock and locks. What it forgets is what was deleted, and old
 * tokens.
 */
export class SimulatedCloud implements Cloud {
  readonly region = 'cn-simulated';
  readonly machines = new Map<string, Machine>();
  readonly noStock = new Set<string>();
  /** Since when an instance is locked, in epoch ms. */
  readonly lockedSince = new Map<string, number>();
  /** By instance: when a person last changed a tag of it, in epoch ms. */
  readonly retaggedAt = new Map<string, number>();
  /** Zones in which nothing answers. The cloud says that all is well there. */
  readonly failedZones = new ObservedSet<string>((zone) => this.#options.onZone?.(zone));
  readonly #options: SimulatedCloudOptions;
  readonly #births = new Map<string, { readonly spec: string; readonly id: string }>();
  readonly #disks = new Map<string, string>();
  readonly #commands = new Map<
    string,
    { readonly of: string; readonly endsAt: number; readonly result: CommandResult }
  >();
  /** Deleted a moment ago: a list that is late still shows them. */
  #lingering: { readonly instance: Instance; readonly bornAt: number; readonly until: number }[] = [];
  /** What a list of a cluster shows, until something changes. */
  #newest: { readonly cluster: string; readonly instances: readonly Instance[] } | null = null;
  #count = 0;
  #diskCount = 0;

  constructor(options: SimulatedCloudOptions) {
    this.#options = options;
  }

  listInstances(cluster: string): Promise<InstanceList> {
    const askedAt = this.#options.clock.now();
    const lagMs = this.#options.listLagMs?.() ?? 0;
    return this.#read('listInstances', () => this.#withoutLacking(this.#listed(cluster, lagMs))).then(
      (instances) =>
        instances.length < pageSize ? { instances, askedAt } : this.#restOfPages({ instances, askedAt }),
    );
  }

  /** The pages after the first are of the same list, which nobody looks at in between. */
  async #restOfPages(list: InstanceList): Promise<InstanceList> {
    for (let read = pageSize; read <= list.instances.length; read += pageSize)
      await this.#read('listInstances', () => list);
    return list;
  }

  /** What a list shows: all as they are, or as they were `lagMs` ago. The same array while nothing has changed. */
  #listed(cluster: string, lagMs: number): readonly Instance[] {
    if (lagMs > 0) return this.#listedLate(cluster, lagMs);
    if (this.#newest?.cluster !== cluster) {
      const ours = [...this.machines.values()].filter(({ instance }) => isOf(cluster, instance));
      this.#newest = { cluster, instances: ours.map(({ instance }) => asListed(instance)) };
    }
    return this.#newest.instances;
  }

  #listedLate(cluster: string, lagMs: number): readonly Instance[] {
    const then = this.#options.clock.now() - lagMs;
    const late = [...this.machines.values()]
      .filter(({ instance, bornAt }) => isOf(cluster, instance) && bornAt <= then)
      .map(({ instance, past }) => past.find(({ until }) => until > then)?.instance ?? instance);
    const gone = this.#lingering.filter(
      ({ instance, bornAt, until }) => bornAt <= then && until > then && isOf(cluster, instance),
    );
    return [...late, ...gone.map(({ instance }) => instance)].map(asListed);
  }

  /** The same array if it lacks none. */
  #withoutLacking(all: readonly Instance[]): readonly Instance[] {
    const lacks = this.#options.lacks?.() ?? null;
    if (lacks === null) return all;
    const left = all.filter(() => !lacks());
    return left.length === all.length ? all : left;
  }

  findInstance(id: string): Promise<Instance | null> {
    return this.#read('findInstance', () => this.machines.get(id)?.instance ?? null);
  }

  hasSecurityGroup(id: string): Promise<boolean> {
    return this.#read('hasSecurityGroup', () => id === simulatedSecurityGroup);
  }

  executingSystemEvents(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#read('executingSystemEvents', () => {
      const now = this.#options.clock.now();
      return new Set(ids.filter((id) => (this.machines.get(id)?.eventUntil ?? 0) > now));
    });
  }

  reboot(id: string, options: Asking & { readonly force: boolean }): Promise<void> {
    return this.#call('reboot', 'withoutEffect', options, () => {
      const machine = this.#need(id, ['Running']);
      this.#effect('reboot', id);
      this.#move(machine, 'Starting');
      this.#later(machine, takes.rebooting + (options.force ? 0 : graceMs), () => this.#boot(machine));
    });
  }

  start(id: string, options: Asking = {}): Promise<void> {
    return this.#call('start', 'withoutEffect', options, () => {
      const machine = this.#need(id, ['Stopped']);
      this.#effect('start', id);
      this.#starting(machine);
    });
  }

  stop(id: string, options: Asking & { readonly force: boolean }): Promise<void> {
    return this.#call('stop', 'withoutEffect', options, () => {
      const machine = this.#need(id, ['Running']);
      this.#effect('stop', id);
      this.#move(machine, 'Stopping');
      this.#later(machine, takes.stopping + (options.force ? 0 : graceMs), () =>
        this.#move(machine, 'Stopped'),
      );
    });
  }

  setUserData(id: string, userData: string, options: Asking = {}): Promise<void> {
    return this.#call('setUserData', 'always', options, () => {
      this.#need(id, ['Stopped']).userData = userData;
      this.#effect('setUserData', id);
    });
  }

  replaceSystemDisk(id: string, imageId: string, attempt: string, options: Asking = {}): Promise<string> {
    return this.#call('replaceSystemDisk', 'always', options, () => {
      const known = this.#disks.get(attempt);
      if (known !== undefined) return known;
      const machine = this.#need(id, ['Stopped']);
      this.#effect('replaceSystemDisk', id, attempt);
      const disk = this.#newDisk();
      remember(this.#disks, attempt, disk);
      this.#show(machine, { systemDiskId: disk, imageId });
      machine.freshDisk = true;
      return disk;
    });
  }

  deleteInstance(id: string, options: Asking = {}): Promise<void> {
    return this.#call('deleteInstance', 'withoutEffect', options, () => {
      const machine = this.machines.get(id);
      if (machine === undefined || machine.releasing) return;
      const { status } = machine.instance;
      if (status !== 'Running' && status !== 'Stopped')
        throw new Failure({
          kind: 'retryable',
          code: 'Busy',
          message: `${id} is ${status}: nothing was done`,
        });
      this.#effect('deleteInstance', id);
      this.#delete(machine);
    });
  }

  runInstance(spec: InstanceSpec, attempt: string, options: Asking = {}): Promise<string> {
    return this.#call('runInstance', 'always', options, () => {
      const text = JSON.stringify(spec);
      const known = this.#births.get(attempt);
      if (known && known.spec !== text)
        throw rejected('IdempotentParameterMismatch', `the token ${attempt} was used for another instance`);
      if (known) return known.id;
      if (this.noStock.has(spec.zone) || this.failedZones.has(spec.zone)) {
        this.#options.onRefusal?.(attempt, spec.zone);
        throw rejected('OutOfStock', `zone ${spec.zone} has none left`);
      }
      const id = this.create(spec);
      remember(this.#births, attempt, { spec: text, id });
      this.#effect('runInstance', id, attempt);
      return id;
    });
  }

  async runCommand(
    id: string,
    script: string,
    options: Parameters<Cloud['runCommand']>[2],
  ): Promise<CommandResult> {
    const { clock } = this.#options;
    const { endsAt, result } = await this.#call('runCommand', 'always', options, () => {
      const known = this.#commands.get(options.attempt);
      const of = `${id} ${script}`;
      if (known !== undefined && known.of !== of)
        throw rejected(
          'IdempotentParameterMismatch',
          `the token ${options.attempt} was used for another command`,
        );
      if (known) return known;
      const machine = this.#find(id);
      const command = { of, ...this.#execute(machine, script, options.timeoutMs) };
      remember(this.#commands, options.attempt, command);
      this.#effect('runCommand', id, options.attempt);
      return command;
    });
    if (endsAt > clock.now()) await sleep(clock, endsAt - clock.now(), options.signal);
    return result;
  }

  /** A person or the pool makes an instance: no token, no stock asked. Returns its id. */
  create(spec: InstanceSpec): string {
    this.#count += 1;
    const id = `i-sim${String(this.#count).padStart(5, '0')}`;
    const { zone, imageId, instanceType, tags, userData } = spec;
    const machine: Machine = {
      instance: {
        id,
        status: 'Pending',
        zone,
        privateIp: addressOf(this.#count),
        tags,
        locks: [],
        startedAt: '',
        systemDiskId: this.#newDisk(),
        imageId,
        instanceType,
      },
      userData,
      boots: 0,
      firstBoots: [],
      freshDisk: true,
      releasing: false,
      agentAlive: false,
      eventUntil: 0,
      moves: 0,
      bornAt: this.#options.clock.now(),
      movedByOthersAt: 0,
      past: [],
    };
    this.machines.set(id, machine);
    this.#newest = null;
    this.#later(machine, takes.pending, () => this.#starting(machine));
    return id;
  }

  /** A person stops or deletes it at the console, or the hardware ends it: no precondition, and not wdrip's effect. */
  stopByPerson(id: string): void {
    const machine = this.machines.get(id);
    if (machine?.instance.status !== 'Running') return;
    machine.movedByOthersAt = this.#options.clock.now();
    this.#move(machine, 'Stopping');
    this.#later(machine, takes.stopping, () => this.#move(machine, 'Stopped'));
  }

  startByPerson(id: string): void {
    const machine = this.machines.get(id);
    if (machine?.instance.status !== 'Stopped' || machine.releasing) return;
    machine.movedByOthersAt = this.#options.clock.now();
    this.#starting(machine);
  }

  /** As at the console, too. */
  rebootByPerson(id: string): void {
    const machine = this.machines.get(id);
    if (machine?.instance.status !== 'Running') return;
    machine.movedByOthersAt = this.#options.clock.now();
    this.#move(machine, 'Starting');
    this.#later(machine, takes.rebooting, () => this.#boot(machine));
  }

  deleteByPerson(id: string): void {
    const machine = this.machines.get(id);
    if (machine === undefined || machine.releasing) return;
    machine.movedByOthersAt = this.#options.clock.now();
    this.#delete(machine);
  }

  /** The cloud begins a repair of its own: the event executes, then the instance boots again. */
  executeSystemEvent(id: string): void {
    const machine = this.machines.get(id);
    if (machine === undefined) return;
    machine.movedByOthersAt = this.#options.clock.now();
    machine.eventUntil = this.#options.clock.now() + eventMs;
  }

  /** A person changes a tag at the console. */
  tag(id: string, key: string, value: string): void {
    const machine = this.machines.get(id);
    if (machine === undefined) return;
    this.#show(machine, { tags: { ...machine.instance.tags, [key]: value } });
    this.retaggedAt.set(id, this.#options.clock.now());
  }

  lock(id: string, reason: string | null): void {
    const machine = this.machines.get(id);
    if (reason === null) this.lockedSince.delete(id);
    else if (!this.lockedSince.has(id)) this.lockedSince.set(id, this.#options.clock.now());
    if (machine) this.#show(machine, { locks: reason === null ? [] : [reason] });
  }

  #read<T>(call: CloudCall, act: () => T): Promise<T> {
    const { clock, misfortune } = this.#options;
    return readCloud({ clock, call, act, misfortune });
  }

  #call<T>(call: CloudCall, repeat: Repeat, asking: Asking | undefined, act: () => T): Promise<T> {
    const { clock, misfortune } = this.#options;
    const { signal, before } = asking ?? {};
    return callCloud({ clock, call, repeat, signal, before, act, misfortune });
  }

  #find(id: string): Machine {
    const machine = this.machines.get(id);
    if (machine === undefined)
      throw new Failure({
        kind: 'notFound',
        code: 'InvalidInstanceId.NotFound',
        message: `there is no ${id}`,
      });
    return machine;
  }

  #need(id: string, states: readonly Instance['status'][]): Machine {
    const machine = this.#find(id);
    const { locks, status } = machine.instance;
    if (locks.length > 0) throw rejected('InstanceLocked', `${id} is locked: ${locks.join(', ')}`);
    if (machine.releasing || !states.includes(status))
      throw rejected('IncorrectInstanceStatus', `${id} is ${machine.releasing ? 'being released' : status}`);
    return machine;
  }

  #execute(machine: Machine, script: string, timeoutMs: number) {
    const now = this.#options.clock.now();
    const silent = (code: string): CommandResult => ({ outcome: 'agentSilent', code });
    if (machine.instance.status !== 'Running') return { endsAt: now, result: silent('InstanceNotRunning') };
    if (!machine.agentAlive || this.failedZones.has(machine.instance.zone))
      return { endsAt: now + deliveryMs, result: silent('DeliveryTimeout') };
    const said = this.#options.agent(machine.instance.id, script);
    const result: CommandResult =
      said === null ? { outcome: 'timedOut', output: '' } : { outcome: 'exited', ...said };
    return { endsAt: now + (said === null ? timeoutMs : commandMs), result };
  }

  #effect(call: CloudCall, id: string, token: string | null = null): void {
    this.#options.onEffect({ call, id, token });
  }

  #newDisk(): string {
    this.#diskCount += 1;
    return `d-sim${this.#diskCount}`;
  }

  #move(machine: Machine, status: Instance['status']): void {
    machine.moves += 1;
    this.#show(machine, { status });
  }

  /** From now on the cloud shows this of it; for a list that is late it keeps what was. */
  #show(machine: Machine, change: Partial<Instance>): void {
    const now = this.#options.clock.now();
    const recent = machine.past.filter(({ until }) => until > now - longestLagMs);
    machine.past = [...recent, { instance: machine.instance, until: now }];
    machine.instance = { ...machine.instance, ...change };
    this.#newest = null;
    this.#options.onChange?.(machine.instance.id);
  }

  #starting(machine: Machine): void {
    this.#move(machine, 'Starting');
    this.#later(machine, takes.starting, () => this.#boot(machine));
  }

  #boot(machine: Machine): void {
    this.#move(machine, 'Running');
    this.#show(machine, { startedAt: toTheMinute(this.#options.clock.now()) });
    machine.boots += 1;
    machine.agentAlive = true;
    const first = machine.freshDisk;
    if (first) machine.firstBoots.push(machine.userData);
    machine.freshDisk = false;
    this.#options.onBoot(machine.instance.id, first);
  }

  #delete(machine: Machine): void {
    machine.releasing = true;
    if (machine.instance.status !== 'Stopped') this.#move(machine, 'Stopping');
    this.#later(machine, takes.deleting, () => {
      const now = this.#options.clock.now();
      this.machines.delete(machine.instance.id);
      this.#newest = null;
      this.lockedSince.delete(machine.instance.id);
      this.#options.onChange?.(machine.instance.id);
      this.#lingering = this.#lingering.filter(({ until }) => until > now - longestLagMs);
      this.#lingering.push({ instance: machine.instance, bornAt: machine.bornAt, until: now });
    });
  }

  /** Jittered; called off by whatever moves the instance before. */
  #later(machine: Machine, ms: number, then: () => void): void {
    const { clock, random } = this.#options;
    const moves = machine.moves;
    clock.after(Math.round(ms * (0.8 + 0.4 * random.next())), () => {
      if (machine.moves === moves) then();
    });
  }
}

function isOf(cluster: string, { tags }: Instance): boolean {
  return tags[cloudTags.cluster] === cluster;
}

/**
 * What a list tells of an instance: no disk. The same object as long as nothing changes, so that nothing is made for a list of the well.
 */
function asListed(instance: Instance): Instance {
  let listed = listedAs.get(instance);
  if (listed === undefined) {
    listed = { ...instance, systemDiskId: null };
    listedAs.set(instance, listed);
  }
  return listed;
}

const listedAs = new WeakMap<Instance, Instance>();

function rejected(code: string, message: string): Failure {
  return new Failure({ kind: 'rejected', code, message });
}
