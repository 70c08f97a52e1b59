import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { runInstances, type TestCloud, testCloud } from './kit.ts';

let t: TestCloud;
let id: string;
beforeEach(async () => {
  t = await testCloud();
  [id = ''] = await runInstances(t.cloud);
  await t.clock.pass(13_000);
});
afterEach(() => t.close());

const schema = z.object({
  InstanceSystemEventSet: z.object({
    InstanceSystemEventType: z.array(
      z.object({
        EventCycleStatus: z.object({ Name: z.string() }),
        EventType: z.object({ Name: z.string() }),
      }),
    ),
  }),
});
async function cycles(...asked: string[]): Promise<readonly string[]> {
  const states = Object.fromEntries(asked.map((state, n) => [`InstanceEventCycleStatus.${n + 1}`, state]));
  const body = await t.cloud.call('DescribeInstanceHistoryEvents', { InstanceId: id, ...states });
  return schema
    .parse(body)
    .InstanceSystemEventSet.InstanceSystemEventType.map((event) => event.EventCycleStatus.Name);
}
const open = ['Scheduled', 'Inquiring', 'Executing'];
const inAnHour = () => new Date(t.clock.now() + 3_600_000).toISOString();

test('what is under way is listed only to those who ask for it', async () => {
  t.cloud.executeEvent(id, 'SystemFailure.Reboot', { forMs: 60_000 });
  expect(await cycles()).toEqual([]);
  expect(await cycles(...open)).toEqual(['Executing']);
  await t.clock.pass(60_000);
  expect(await cycles(...open)).toEqual([]);
  expect(await cycles()).toEqual(['Executed']);
});

test('a planned event waits, executes and really reboots if it was told to', async () => {
  await t.cloud.call('CreateSimulatedSystemEvents', {
    'InstanceId.1': id,
    EventType: 'SystemMaintenance.Reboot',
    NotBefore: inAnHour(),
    TriggerRealOps: 'true',
  });
  expect(await cycles(...open)).toEqual(['Scheduled']);
  await t.clock.pass(3_600_000);
  expect(await cycles(...open)).toEqual(['Executing']);
  expect(t.status(id)).toBe('Starting');
  await t.clock.pass(120_000);
  expect(t.status(id)).toBe('Running');
  expect(t.host.instances.get(id)?.boots).toBe(2);
  expect(await cycles()).toEqual(['Executed']);
});

test('a user who reboots first avoids a planned reboot', async () => {
  await t.cloud.call('CreateSimulatedSystemEvents', {
    'InstanceId.1': id,
    EventType: 'SystemMaintenance.Reboot',
    NotBefore: inAnHour(),
    TriggerRealOps: 'true',
  });
  await t.cloud.call('RebootInstance', { InstanceId: id });
  expect(await cycles()).toEqual(['Avoided']);
  await t.clock.pass(7_200_000);
  expect(await cycles()).toEqual(['Avoided']);
  expect(t.host.instances.get(id)?.boots).toBe(2);
});

test('the full status tells what is planned', async () => {
  const status = async () =>
    JSON.stringify(await t.cloud.call('DescribeInstancesFullStatus', { 'InstanceId.1': id }));
  expect(await status()).toContain('"HealthStatus":{"Name":"Ok"}');
  t.cloud.executeEvent(id, 'SystemFailure.Reboot');
  expect(await status()).toContain('"EventType":{"Name":"SystemFailure.Reboot"}');
});
