import { setMaxListeners } from 'node:events';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { InstanceHost } from '../host.ts';
import { noSuchInstance } from './api-error.ts';
import type { Catalog } from './catalog.ts';
import type { Invocation } from './invocations.ts';
import { createJournal, type Journal } from './journal.ts';
import type { BalancerRecord, CloudState, InstanceRecord, Role } from './records.ts';
import type { SystemEvent } from './system-events.ts';
import { type CloudTimings, jittered } from './timings.ts';

/** What every part of the cloud shares: its facts, and the ways to change them. Only `update`, `add` and `remove` change instances. */
export interface World {
  readonly region: string;
  readonly accountId: string;
  readonly catalog: Catalog;
  readonly timings: CloudTimings;
  readonly clock: Clock;
  readonly random: Random;
  readonly host: InstanceHost;
  readonly journal: Journal;
  readonly instances: ReadonlyMap<string, InstanceRecord>;
  readonly balancers: ReadonlyMap<string, BalancerRecord>;
  /** What a balancer's listener thinks of a backend, null before its first look. Set when the servers are up. */
  backendHealth: (balancer: string, port: number, serverId: string) => 'normal' | 'abnormal' | null;
  readonly events: Map<string, SystemEvent>;
  readonly invocations: Map<string, Invocation>;
  readonly roles: Map<string, Role>;
  /** Types that are out of stock, as `zone/type`. `late`: the order is taken, and fails while Pending. */
  readonly soldOut: Map<string, 'now' | 'late'>;
  /** Where an instance finds its metadata service. Set when the servers are up. */
  metadataUrl: (instanceId: string) => string;
  /** @throws ApiError InvalidInstanceId.NotFound */
  instance(id: string): InstanceRecord;
  add(instance: InstanceRecord): void;
  /** Changes an instance and writes down why, or does nothing if it is gone. */
  update(id: string, changes: Partial<InstanceRecord>, why: string): void;
  /** Removes an instance, from behind its balancers too. */
  remove(id: string): void;
  putBalancer(balancer: BalancerRecord): void;
  removeBalancer(id: string): void;
  /** The next free address for a balancer, in 127.N.251.0/24. Empty if there is none. */
  giveBalancerAddress(): string;
  nextSequence(): number;
  /** What every address begins with, such as `127.0.`. */
  readonly addressPrefix: string;
  /** The next free address of a subnet (1: 127.N.1.0/24; from 2 on up to 127.N.250.0/24). */
  giveAddress(subnet: 1 | 2): string;
  /** An id as ECS makes them: `i-` and 20 letters and digits. */
  newId(prefix: string): string;
  /** Waits a jittered `ms`. Rejects when the cloud closes. */
  wait(ms: number): Promise<void>;
  /** Waits exactly `ms`. Rejects when the cloud closes. */
  waitExactly(ms: number): Promise<void>;
  /** Follows a piece of work in the background. What it throws is `failed`'s to tell, except that the cloud closed. */
  background(work: () => Promise<void>, failed: (caught: unknown) => void): void;
  /** Resolves when no background work is under way. */
  settled(): Promise<void>;
  /** Called after every change. */
  onChange(listener: () => void): void;
  /** What the state file keeps of the counters. */
  counters(): Pick<CloudState, 'nextSequence' | 'addressesGiven'>;
  close(): void;
}

/** Where balancers have their addresses: the /24 after the last of the instances'. */
const BALANCER_SUBNET = 251;
/** Addresses run from .1 to .250 in each /24, and the subnets of the workers from 127.N.2.0 to 127.N.250.0. */
const ADDRESSES_A_SUBNET = 250;

export interface WorldSettings {
  readonly region: string;
  readonly addressPrefix: string;
  readonly catalog: Catalog;
  readonly timings: CloudTimings;
  readonly clock: Clock;
  readonly random: Random;
  readonly host: InstanceHost;
}

export function createWorld(settings: WorldSettings, state: CloudState): World {
  const { clock, random, timings } = settings;
  const instances = new Map(state.instances.map((instance) => [instance.id, instance]));
  const balancers = new Map(state.balancers.map((balancer) => [balancer.id, balancer]));
  const journal = createJournal();
  const closing = new AbortController();
  // Every wait listens to it, and there are as many as instances.
  setMaxListeners(0, closing.signal);
  const listeners: (() => void)[] = [];
  const under = new Set<Promise<void>>();
  const given = new Map(Object.entries(state.addressesGiven));
  let sequence = state.nextSequence;
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const tell = (id: string, from: string | null, to: string, why: string) =>
    journal.change({ at: clock.now(), instanceId: id, from, to, why });

  return {
    ...settings,
    accountId: '1000000000000000',
    journal,
    instances,
    balancers,
    backendHealth: () => null,
    events: new Map(),
    invocations: new Map(),
    roles: new Map(state.roles.map((role) => [role.name, role])),
    soldOut: new Map(),
    metadataUrl: () => 'http://100.100.100.200',
    instance(id) {
      const found = instances.get(id);
      if (found === undefined) throw noSuchInstance();
      return found;
    },
    add(instance) {
      instances.set(instance.id, instance);
      tell(instance.id, null, instance.status, 'created');
      changed();
    },
    update(id, changes, why) {
      const before = instances.get(id);
      if (before === undefined) return;
      const after = { ...before, ...changes };
      instances.set(id, after);
      tell(id, before.status, after.status, why);
      changed();
    },
    remove(id) {
      const before = instances.get(id);
      if (!instances.delete(id)) return;
      for (const balancer of balancers.values()) {
        const backends = balancer.backends.filter(({ serverId }) => serverId !== id);
        if (backends.length < balancer.backends.length) balancers.set(balancer.id, { ...balancer, backends });
      }
      tell(id, before?.status ?? null, 'Released', 'released');
      changed();
    },
    putBalancer(balancer) {
      balancers.set(balancer.id, balancer);
      changed();
    },
    removeBalancer(id) {
      if (balancers.delete(id)) changed();
    },
    giveBalancerAddress() {
      const taken = new Set([...balancers.values()].map(({ address }) => address));
      for (let n = 1; n <= ADDRESSES_A_SUBNET; n += 1) {
        const address = `${settings.addressPrefix}${BALANCER_SUBNET}.${n}`;
        if (!taken.has(address)) return address;
      }
      return '';
    },
    nextSequence() {
      sequence += 1;
      return sequence;
    },
    giveAddress(subnet) {
      const taken = new Set([...instances.values()].map((instance) => instance.ip));
      const subnets = subnet === 1 ? 1 : 249;
      for (let tried = 0; tried < subnets * ADDRESSES_A_SUBNET; tried += 1) {
        const n = given.get(String(subnet)) ?? 0;
        given.set(String(subnet), n + 1);
        const block = subnet + (Math.floor(n / ADDRESSES_A_SUBNET) % subnets);
        const ip = `${settings.addressPrefix}${block}.${(n % ADDRESSES_A_SUBNET) + 1}`;
        if (!taken.has(ip)) return ip;
      }
      return '';
    },
    newId(prefix) {
      const letters = BigInt(`0x${random.hex(13)}`)
        .toString(36)
        .padStart(20, '0')
        .slice(-20);
      return `${prefix}-${letters}`;
    },
    wait: (ms) => sleep(clock, jittered(ms, timings, random), closing.signal),
    waitExactly: (ms) => sleep(clock, ms, closing.signal),
    background(work, failed) {
      const running = work()
        .catch((caught: unknown) => {
          if (!closing.signal.aborted) failed(caught);
        })
        .finally(() => under.delete(running));
      under.add(running);
    },
    async settled() {
      while (under.size > 0) await Promise.all(under);
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
    close: () => closing.abort(new Error('The sandbox cloud is closing.')),
    counters: () => ({ nextSequence: sequence, addressesGiven: Object.fromEntries(given) }),
  };
}
