import { expect, test } from '@jest/globals';
import type { SandboxCall, SandboxChange } from '../../src/sandbox/admin-client.ts';
import { cloudTimes, namesInstance } from './cloud-busy.ts';

const change = (at: number, from: string | null, to: string, why: string): SandboxChange => ({
  at,
  instanceId: 'i-a',
  from,
  to,
  why,
});
const call = (at: number, action: string, effect = true): SandboxCall => ({
  at,
  action,
  parameters: action === 'DescribeInvocationResults' ? { InstanceId: 'i-a' } : { 'InstanceId.1': 'i-a' },
  code: 'OK',
  status: 200,
  effect,
  requestId: 'x',
});
const times = (history: readonly SandboxChange[], calls: readonly SandboxCall[] = []) =>
  cloudTimes({ instances: ['i-a'], history, calls, deliveryMs: 800, now: 10_000 });

test('the cloud is at work from one settled state to the next', () => {
  const reset = times([
    change(1_000, 'Running', 'Stopping', 'StopInstance by force'),
    change(1_200, 'Stopping', 'Stopped', 'powered off'),
    change(3_000, 'Stopped', 'Starting', 'StartInstance'),
    change(3_300, 'Starting', 'Running', 'booted'),
  ]);
  expect(reset.busy).toEqual([
    { from: 1_000, to: 1_200 },
    { from: 3_000, to: 3_300 },
  ]);
  expect(reset.lastBoot(4_000)).toBe(3_300);
  expect(reset.lastBoot(3_000)).toBeNull();
});

test('a release lasts until the instance is gone, also that of a stopped one', () => {
  const history = [
    change(500, 'Stopped', 'Stopped', 'DeleteInstance'),
    change(800, 'Stopped', 'Released', 'released'),
  ];
  expect(times(history).busy).toEqual([{ from: 500, to: 800 }]);
});

test('a new disk is being made until it is there, or else until now', () => {
  const calls = [call(1_000, 'ReplaceSystemDisk')];
  expect(times([change(1_600, 'Stopped', 'Stopped', 'new system disk')], calls).busy).toEqual([
    { from: 1_000, to: 1_600 },
  ]);
  expect(times([], calls).busy).toEqual([{ from: 1_000, to: 10_000 }]);
  expect(times([], [call(1_000, 'ReplaceSystemDisk', false)]).busy).toEqual([]);
});

test('a command counts up to the last look that found it running', () => {
  const looks = [
    call(1_300, 'DescribeInvocationResults', false),
    call(1_750, 'DescribeInvocationResults', false),
  ];
  expect(times([], [call(1_000, 'RunCommand'), ...looks]).busy).toEqual([{ from: 1_000, to: 1_300 }]);
});

test('a command to a dead system is undelivered for a while', () => {
  const history = [change(500, 'Running', 'Running', 'its system died')];
  expect(times(history, [call(1_000, 'RunCommand')]).busy).toEqual([{ from: 1_000, to: 1_800 }]);
});

test('a call names an instance by id, in a list, or not at all', () => {
  expect(namesInstance({ InstanceId: 'i-a' }, 'i-a')).toBe(true);
  expect(namesInstance({ InstanceIds: '["i-b","i-a"]' }, 'i-a')).toBe(true);
  expect(namesInstance({ 'InstanceId.2': 'i-a' }, 'i-a')).toBe(true);
  expect(namesInstance({ ImageId: 'i-a' }, 'i-a')).toBe(false);
});
