import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ApiError } from '../../../src/sandbox/cloud/api-error.ts';
import { runInstances, type TestCloud, testCloud } from './kit.ts';

let t: TestCloud;
beforeEach(async () => {
  t = await testCloud();
});
afterEach(() => t.close());

/** One instance that runs, with nothing left under way. */
async function running(changes: Record<string, string> = {}): Promise<string> {
  const [id = ''] = await runInstances(t.cloud, changes);
  await t.clock.pass(13_000);
  expect(t.status(id)).toBe('Running');
  return id;
}
async function stopped(changes: Record<string, string> = {}): Promise<string> {
  const id = await running(changes);
  await t.cloud.call('StopInstance', { InstanceId: id, StoppedMode: 'KeepCharging' });
  await t.clock.pass(5_000);
  expect(t.status(id)).toBe('Stopped');
  return id;
}
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (caught: unknown) => (caught instanceof ApiError ? caught.code : String(caught)),
  );
const host = (id: string) => t.host.instances.get(id);

test('an instance is Pending, Starting and Running, each for its time, and runs its user data once', async () => {
  const userData = Buffer.from('#!/bin/sh\ntrue\n').toString('base64');
  const [id = ''] = await runInstances(t.cloud, { UserData: userData });
  expect(t.status(id)).toBe('Pending');
  await t.clock.pass(2_999);
  expect(t.status(id)).toBe('Pending');
  await t.clock.pass(1);
  expect(t.status(id)).toBe('Starting');
  await t.clock.pass(9_999);
  expect(host(id)).toBeUndefined();
  await t.clock.pass(1);
  expect(t.status(id)).toBe('Running');
  expect(host(id)?.hosted).toEqual({
    id,
    ip: '127.0.2.1',
    userData: '#!/bin/sh\ntrue\n',
    metadataUrl: 'http://100.100.100.200',
  });
  await t.cloud.call('RebootInstance', { InstanceId: id });
  expect(t.status(id)).toBe('Starting');
  await t.clock.pass(10_000);
  expect(t.status(id)).toBe('Running');
  expect(host(id)).toMatchObject({ boots: 2, ran: ['#!/bin/sh\ntrue\n'] });
  expect(t.cloud.instances()[0]).toMatchObject({ bootCount: 2, startedAt: t.clock.now() });
});

test('a new system disk needs Stopped, leaves it Stopped, and runs the new user data at the next start only', async () => {
  const id = await stopped({ UserData: Buffer.from('first').toString('base64') });
  const before = t.cloud.world.instance(id).disk.id;
  await t.cloud.call('ModifyInstanceAttribute', {
    InstanceId: id,
    UserData: Buffer.from('second').toString('base64'),
  });
  await t.cloud.call('StartInstance', { InstanceId: id });
  await t.clock.pass(10_000);
  expect(host(id)?.ran).toEqual(['first']);
  await t.cloud.call('StopInstance', { InstanceId: id, ForceStop: 'true' });
  await t.clock.pass(5_000);
  const { DiskId } = await t.cloud.call('ReplaceSystemDisk', { InstanceId: id });
  expect(t.cloud.world.instance(id).disk).toMatchObject({ id: before, status: 'ReIniting' });
  expect(await codeOf(t.cloud.call('StartInstance', { InstanceId: id }))).toBe('IncorrectDiskStatus');
  expect(await codeOf(t.cloud.call('ReplaceSystemDisk', { InstanceId: id }))).toBe('IncorrectDiskStatus');
  await t.clock.pass(30_000);
  expect(t.cloud.world.instance(id).disk).toMatchObject({ id: DiskId, status: 'In_use' });
  expect(t.status(id)).toBe('Stopped');
  await t.cloud.call('StartInstance', { InstanceId: id });
  await t.clock.pass(10_000);
  expect(host(id)?.ran).toEqual(['first', 'second']);
});

const id = (name: string) => ({ InstanceId: name });
const userData = { UserData: Buffer.from('x').toString('base64') };
/** By action: what it says in each state. */
const preconditions: readonly [string, Record<string, string>, Record<string, string>][] = [
  ['StartInstance', {}, { Pending: 'no', Starting: 'no', Running: 'no', Stopping: 'no', Stopped: 'OK' }],
  ['StopInstance', {}, { Pending: 'no', Starting: 'no', Running: 'OK', Stopping: 'no', Stopped: 'no' }],
  ['RebootInstance', {}, { Pending: 'no', Starting: 'no', Running: 'OK', Stopping: 'no', Stopped: 'no' }],
  ['ReplaceSystemDisk', {}, { Pending: 'no', Starting: 'no', Running: 'no', Stopping: 'no', Stopped: 'OK' }],
  ['ModifyInstanceAttribute', userData, { Pending: 'no', Running: 'no', Stopping: 'no', Stopped: 'OK' }],
  ['ModifyInstanceAttribute', { InstanceName: 'n' }, { Pending: 'OK', Running: 'OK', Stopped: 'OK' }],
  [
    'DeleteInstance',
    {},
    { Pending: 'IncorrectInstanceStatus.Initializing', Running: 'no', Stopping: 'no', Stopped: 'OK' },
  ],
  [
    'DeleteInstance',
    { Force: 'true' },
    { Pending: 'IncorrectInstanceStatus.Initializing', Starting: 'no', Running: 'OK', Stopped: 'OK' },
  ],
];

test.each(preconditions)(
  '%s %j is refused in the states in which it can not be done',
  async (action, extra, byState) => {
    for (const [state, expected] of Object.entries(byState)) {
      const [name = ''] = await runInstances(t.cloud);
      if (state === 'Starting') await t.clock.pass(3_000);
      if (state === 'Running' || state.startsWith('Stop')) await t.clock.pass(13_000);
      if (state.startsWith('Stop')) await t.cloud.call('StopInstance', id(name));
      if (state === 'Stopped') await t.clock.pass(5_000);
      expect(t.status(name)).toBe(state);
      const wanted = expected === 'no' ? 'IncorrectInstanceStatus' : expected;
      expect([state, await codeOf(t.cloud.call(action, { ...id(name), ...extra }))]).toEqual([state, wanted]);
      await t.clock.pass(60_000);
    }
    expect(await codeOf(t.cloud.call(action, { ...id('i-none'), ...extra }))).toBe(
      'InvalidInstanceId.NotFound',
    );
  },
);

/** By lock: what each action says. */
const locked: readonly ['security' | 'financial', 'Running' | 'Stopped', Record<string, string>][] = [
  [
    'security',
    'Running',
    { StopInstance: 'InstanceLockedForSecurity', RebootInstance: 'InstanceLockedForSecurity' },
  ],
  [
    'security',
    'Stopped',
    {
      StartInstance: 'InstanceLockedForSecurity',
      ModifyInstanceAttribute: 'InstanceLockedForSecurity',
      ReplaceSystemDisk: 'InstanceLockedForSecurity',
      DeleteInstance: 'OK',
    },
  ],
  [
    'financial',
    'Running',
    { StopInstance: 'InstanceExpiredOrInArrears', RebootInstance: 'InstanceExpiredOrInArrears' },
  ],
  [
    'financial',
    'Stopped',
    {
      StartInstance: 'InstanceExpiredOrInArrears',
      ReplaceSystemDisk: 'InstanceExpiredOrInArrears',
      ModifyInstanceAttribute: 'OK',
      DeleteInstance: 'OK',
    },
  ],
];

test.each(locked)(
  'a lock for %s reasons on a %s instance refuses what it should',
  async (reason, state, byAction) => {
    const name = state === 'Running' ? await running() : await stopped();
    t.cloud.lock(name, [reason]);
    for (const [action, expected] of Object.entries(byAction)) {
      const extra = action === 'ModifyInstanceAttribute' ? userData : {};
      expect([action, await codeOf(t.cloud.call(action, { ...id(name), ...extra }))]).toEqual([
        action,
        expected,
      ]);
    }
    expect(t.cloud.instances().flatMap((instance) => instance.locks)).toEqual([reason]);
  },
);

test('a deleted instance lingers, takes no more work, and is gone with its host and address', async () => {
  const name = await running();
  await t.cloud.call('DeleteInstance', { InstanceId: name, Force: 'true' });
  expect(t.status(name)).toBe('Stopping');
  expect(await codeOf(t.cloud.call('DeleteInstance', id(name)))).toBe('OK');
  expect(await codeOf(t.cloud.call('StartInstance', id(name)))).toBe('IncorrectInstanceStatus');
  await t.clock.pass(5_000);
  expect(t.status(name)).toBe('gone');
  expect(t.host.destroyed).toEqual([name]);
  expect(await codeOf(t.cloud.call('DeleteInstance', id(name)))).toBe('InvalidInstanceId.NotFound');
});

test('deletion protection refuses a deletion until it is lifted', async () => {
  const name = await running({ DeletionProtection: 'true' });
  const call = () => codeOf(t.cloud.call('DeleteInstance', { InstanceId: name, Force: 'true' }));
  expect(await call()).toBe('InvalidOperation.DeletionProtection');
  await t.cloud.call('ModifyInstanceAttribute', { InstanceId: name, DeletionProtection: 'false' });
  expect(await call()).toBe('OK');
});

test('an instance that can not boot again is Running to the cloud, and its agent silent', async () => {
  const name = await running();
  t.cloud.breakInstance(name, { unbootable: true, now: true });
  await t.clock.pass(1);
  expect(t.status(name)).toBe('Running');
  expect(host(name)?.running).toBe(false);
  await t.cloud.call('RebootInstance', { InstanceId: name, ForceStop: 'true' });
  await t.clock.pass(10_000);
  expect(t.status(name)).toBe('Running');
  expect(host(name)).toMatchObject({ running: false, boots: 1 });
  expect(t.cloud.world.instance(name).bootCount).toBe(1);
});

test('a boot that fails leaves it Running with a dead system, and says why', async () => {
  const name = await stopped();
  t.host.failBoot(name, 'no init');
  await t.cloud.call('StartInstance', id(name));
  await t.clock.pass(10_000);
  expect(t.cloud.world.instance(name)).toMatchObject({ status: 'Running', booted: false, bootCount: 1 });
  expect(t.cloud.world.journal.history.at(-1)?.why).toBe('boot failed: no init');
});

test('a boot that never ends does not hold the cloud up', async () => {
  const name = await stopped();
  t.host.boot = () => new Promise(() => {});
  await t.cloud.call('StartInstance', id(name));
  await t.clock.pass(70_000);
  expect(t.cloud.world.instance(name)).toMatchObject({ status: 'Running', booted: false });
});

test('safety 31: a system that hangs does not hear a soft reboot, only a forced one', async () => {
  const name = await running();
  t.cloud.breakInstance(name, { hung: true });
  await t.cloud.call('RebootInstance', id(name));
  await t.clock.pass(60_000);
  expect(host(name)?.boots).toBe(1);
  await t.cloud.call('RebootInstance', { InstanceId: name, ForceStop: 'true' });
  await t.clock.pass(10_000);
  expect(host(name)).toMatchObject({ boots: 2, shutdowns: [{ force: true, graceMs: 0 }] });
  expect(t.cloud.world.instance(name).hung).toBe(false);
});

test('a system that powers itself off is Stopped, and only then', async () => {
  const name = await running();
  t.host.powerOff(name);
  expect(t.status(name)).toBe('Stopped');
  await t.cloud.call('StartInstance', id(name));
  t.host.powerOff(name);
  expect(t.status(name)).toBe('Starting');
  await t.clock.pass(10_000);
  expect(t.status(name)).toBe('Running');
});

test('safety 32: what is sold out is refused at once or vanishes after it was taken; other zones still sell', async () => {
  const [type] = t.cloud.catalog.instanceTypes;
  const [first, second] = t.cloud.catalog.vSwitches;
  t.cloud.setStock(first?.zone ?? '', type?.id ?? '', 'now');
  expect(await codeOf(runInstances(t.cloud))).toBe('OperationDenied.NoStock');
  expect(await codeOf(runInstances(t.cloud, { VSwitchId: second?.id ?? '' }))).toBe('OK');
  t.cloud.setStock(first?.zone ?? '', type?.id ?? '', 'late');
  const [name = ''] = await runInstances(t.cloud);
  await t.clock.pass(3_000);
  expect(t.status(name)).toBe('gone');
  const events = await t.cloud.call('DescribeInstanceHistoryEvents', { InstanceId: name });
  expect(JSON.stringify(events)).toContain('"SystemFailure.Delete"');
  t.cloud.setStock(first?.zone ?? '', type?.id ?? '', null);
  expect(await codeOf(runInstances(t.cloud))).toBe('OK');
});

test('only an economically stopped instance needs stock to start', async () => {
  const kept = await stopped();
  const economical = await running();
  await t.cloud.call('StopInstance', { InstanceId: economical, StoppedMode: 'StopCharging' });
  await t.clock.pass(5_000);
  const { zone, instanceType } = t.cloud.world.instance(kept);
  t.cloud.setStock(zone, instanceType, 'now');
  expect(await codeOf(t.cloud.call('StartInstance', id(economical)))).toBe('OperationDenied.NoStock');
  expect(await codeOf(t.cloud.call('StartInstance', id(kept)))).toBe('OK');
});

test('control planes get addresses in 127.0.1.0/24, the others from 127.0.2.0/24 on, and none twice', async () => {
  const controlPlane = { 'Tag.1.Key': 'wdrip.io/role', 'Tag.1.Value': 'control-plane' };
  await runInstances(t.cloud, { ...controlPlane, Amount: '2' });
  for (const _hundred of [1, 2, 3]) await runInstances(t.cloud, { Amount: '100' });
  const ips = t.cloud.instances().map((instance) => instance.ip);
  expect(ips.slice(0, 4)).toEqual(['127.0.1.1', '127.0.1.2', '127.0.2.1', '127.0.2.2']);
  expect(ips).toContain('127.0.3.50');
  expect(new Set(ips).size).toBe(302);
});

test('an address that was asked for is taken, and given to nobody else', async () => {
  const wanted = { PrivateIpAddress: '127.0.2.1' };
  await runInstances(t.cloud, wanted);
  expect(await codeOf(runInstances(t.cloud, wanted))).toBe('InvalidIPAddress.AlreadyUsed');
  expect(await codeOf(runInstances(t.cloud, { PrivateIpAddress: '10.0.0.1' }))).toBe('InvalidParameter');
  await runInstances(t.cloud);
  expect(t.cloud.instances().map((instance) => instance.ip)).toEqual(['127.0.2.1', '127.0.2.2']);
});
