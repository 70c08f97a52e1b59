import { dirname, join } from 'node:path';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { type Random, systemRandom } from '../../runtime/random.ts';
import type { InstanceHost } from '../host.ts';
import { createAuthentication } from './authentication.ts';
import { type Catalog, catalogOf } from './catalog.ts';
import { type ClientTokens, createClientTokens } from './client-tokens.ts';
import { createFaults, type Faults } from './faults.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { createIdentity, type Identity, type User } from './identity.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { type ObjectStore, openObjectStore } from './objects/object-store.ts';
import { OssError, ossErrors } from './objects/oss-error.ts';
import type { CloudState, InstanceRecord, LockReason, Role } from './records.ts';
import { createSaver, readState } from './state-file.ts';
import { type EventType, publishEvent, type SystemEvent } from './system-events.ts';
import { createThrottle, type Quotas, type Throttle } from './throttle.ts';
import { type CloudTimings, realisticTimings } from './timings.ts';
import { createWorld, type World } from './world.ts';

export interface CloudSettings {
  /** Holds all that outlives the process, keys too. Objects lie beside it, in `objects/`. */
  readonly stateFile: string;
  /** Runs the instances. The cloud never closes it. */
  readonly host: InstanceHost;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly timings?: CloudTimings;
  readonly region?: string;
  /** Second octet of every address (127.N.…), 0 by default: sandboxes at the same time need one each. */
  readonly network?: number;
  /** Regions that have object storage besides `region`. */
  readonly furtherRegions?: readonly string[];
  /** Default: three zones of the region. */
  readonly zones?: readonly string[];
  /** Further keys, with what they may do. The account's own key may do everything. */
  readonly users?: readonly User[];
  /** None by default. */
  readonly quotas?: Quotas;
}

/** The emulated cloud. In-process it is also the tests' and the command line's hand on it. */
export interface SandboxCloud {
  readonly region: string;
  readonly catalog: Catalog;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Bearer of the control interface (`/_sandbox/…`). */
  readonly adminToken: string;
  /** All that have object storage, the cloud's own first. */
  readonly objectRegions: readonly string[];
  readonly objects: ObjectStore;
  readonly world: World;
  readonly gateway: Gateway;
  readonly identity: Identity;
  readonly faults: Faults;
  readonly throttle: Throttle;
  /** An action of the API without a signature. @throws ApiError */
  call: Gateway['call'];
  instances(): readonly InstanceRecord[];
  /** Adds a role, or changes it. */
  putRole(role: Role): Promise<void>;
  buckets(): readonly string[];
  /** Makes a bucket, in the cloud's own region by default. @throws OssError BucketAlreadyExists if it is elsewhere */
  putBucket(name: string, region?: string): Promise<void>;
  /** Turns over one bit of what is stored, and of nothing that is told of it. @throws OssError NoSuchKey; Error if it is shorter */
  damageObject(bucket: string, key: string, at: number): Promise<void>;
  /** Locks an instance for these reasons, and no others. @throws ApiError InvalidInstanceId.NotFound */
  lock(id: string, reasons: readonly LockReason[]): void;
  /**
   * Breaks an instance: `unbootable` for good (its system dies now if `now`, and the cloud goes on calling it Running), `hung` until the
   * next boot. @throws ApiError InvalidInstanceId.NotFound
   */
  breakInstance(
    id: string,
    fault: { readonly unbootable?: boolean; readonly hung?: boolean; readonly now?: boolean },
  ): void;
  /** What is out of stock from now on: `now` refuses, `late` takes the order and fails it, null is in stock. */
  setStock(zone: string, instanceType: string, stock: 'now' | 'late' | null): void;
  /** A system event that executes at once. `really` reboots the instance too. @throws ApiError InvalidInstanceId.NotFound */
  executeEvent(
    id: string,
    type: EventType,
    options?: { readonly forMs?: number; readonly really?: boolean },
  ): SystemEvent;
  /** Resolves when no asynchronous work is under way and all is on disk. */
  settled(): Promise<void>;
  /** Calls off all waits and saves. What the host is doing for an instance is not waited for. */
  close(): Promise<void>;
}

/**
 * Opens the cloud, with what its state file knows. Instances that it knows are Stopped then: their processes went with the old daemon.
 * @throws Error if the state file can't be read as one, or belongs to another region
 */
export async function createCloud(settings: CloudSettings): Promise<SandboxCloud> {
  const clock = settings.clock ?? systemClock();
  const random = settings.random ?? systemRandom;
  const { host, stateFile } = settings;
  const before = await readState(stateFile);
  const region = settings.region ?? before?.region ?? 'cn-hangzhou';
  if (before !== null && before.region !== region)
    throw new Error(`${stateFile} belongs to region ${before.region}, not ${region}.`);
  const state = before ?? emptyState(region, random);
  const catalog = catalogOf(region, settings.zones ?? ['h', 'i', 'j'].map((zone) => `${region}-${zone}`));
  const timings = settings.timings ?? realisticTimings;
  const addressPrefix = `127.${settings.network ?? 0}.`;
  const world = createWorld({ region, addressPrefix, catalog, timings, clock, random, host }, state);
  const clientTokens: ClientTokens = createClientTokens(state.tokens);
  const directory = join(dirname(stateFile), 'objects');
  const objects = await openObjectStore({ directory, clock, random });
  const { accessKeyId, accessKeySecret, adminToken } = state;
  const saver = createSaver(stateFile, () => ({
    version: 1,
    region,
    accessKeyId,
    accessKeySecret,
    adminToken,
    ...world.counters(),
    instances: [...world.instances.values()],
    balancers: [...world.balancers.values()],
    roles: [...world.roles.values()],
    tokens: clientTokens.used(),
  }));
  const account: User = { accessKeyId, accessKeySecret, grant: null };
  const users = [account, ...(settings.users ?? [])];
  const identity = createIdentity({ clock, random, users, roles: world.roles });
  const lifecycle = createLifecycle(world);
  const faults = createFaults();
  const throttle = createThrottle(clock, settings.quotas ?? {});
  const authentication = createAuthentication({ clock, identity });
  const saved = () => saver.save();
  const gateway = createGateway({
    world,
    lifecycle,
    authentication,
    faults,
    throttle,
    clientTokens,
    saved,
  });
  let closed = false;
  world.onChange(() => {
    // A save that fails here fails again, and is told, at the next call that waits for one.
    if (!closed) saved().catch(() => undefined);
  });
  await reopen(world, lifecycle, host);
  await saved();

  return {
    region,
    catalog,
    accessKeyId,
    accessKeySecret,
    adminToken,
    objectRegions: [...new Set([region, ...(settings.furtherRegions ?? [])])],
    objects,
    world,
    gateway,
    identity,
    faults,
    throttle,
    call: gateway.call,
    instances: () => [...world.instances.values()],
    async putRole(role) {
      world.roles.set(role.name, role);
      await saved();
    },
    buckets: () => objects.buckets().map(({ name }) => name),
    putBucket: (name, where = region) => objects.createBucket(name, where),
    async damageObject(bucket, key, at) {
      const [newest] = objects.versions(bucket, key);
      if (newest === undefined) throw new OssError(ossErrors.noSuchKey, { Key: key });
      await objects.bytes.flip(newest.segments, at);
    },
    lock(id, reasons) {
      world.instance(id);
      world.update(id, { locks: reasons }, `locked for: ${reasons.join(', ') || 'nothing'}`);
    },
    breakInstance(id, fault) {
      const instance = world.instance(id);
      const unbootable = fault.unbootable ?? instance.unbootable;
      const hung = fault.hung ?? instance.hung;
      world.update(id, { unbootable, hung }, `broken: unbootable ${unbootable}, hung ${hung}`);
      if (fault.now === true && instance.status === 'Running') lifecycle.killSystem(id);
    },
    setStock(zone, instanceType, stock) {
      const key = `${zone}/${instanceType}`;
      if (stock === null) world.soldOut.delete(key);
      else world.soldOut.set(key, stock);
    },
    executeEvent(id, type, options = {}) {
      world.instance(id);
      const operations = { reboot: (target: string) => lifecycle.reboot(target, { force: true }) };
      return publishEvent(world, {
        instanceId: id,
        type,
        notBefore: clock.now(),
        ...(options.forMs === undefined ? {} : { forMs: options.forMs }),
        ...(options.really === true ? { operations } : {}),
      });
    },
    async settled() {
      await world.settled();
      await saved();
    },
    async close() {
      world.close();
      closed = true;
      await saved();
    },
  };
}

function emptyState(region: string, random: Random): CloudState {
  return {
    version: 1,
    region,
    accessKeyId: `LTAI5t${random.hex(9)}`,
    accessKeySecret: random.hex(15),
    adminToken: random.hex(24),
    nextSequence: 0,
    addressesGiven: {},
    instances: [],
    balancers: [],
    roles: [],
    tokens: [],
  };
}

/** After a restart nothing runs: what was under way ends, the rest is Stopped. */
async function reopen(world: World, lifecycle: Lifecycle, host: InstanceHost): Promise<void> {
  for (const { id, releasing, replacing } of [...world.instances.values()]) {
    await host.shutdown(id, { force: true, graceMs: 0 });
    world.update(
      id,
      { status: 'Stopped', stoppedMode: 'KeepCharging', booted: false },
      'the daemon was restarted',
    );
    if (releasing) lifecycle.release(id);
    else if (replacing !== null) lifecycle.replaceDisk(id);
  }
}
