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

const resultsSchema = z.object({
  Invocation: z.object({
    InvocationResults: z.object({
      InvocationResult: z.array(
        z.object({
          InstanceId: z.string(),
          InvocationStatus: z.string(),
          InvokeRecordStatus: z.string(),
          ErrorCode: z.string(),
          ExitCode: z.number().optional(),
          Output: z.string(),
          Dropped: z.number(),
        }),
      ),
    }),
  }),
});

async function run(script: string, changes: Record<string, string> = {}): Promise<string> {
  const body = await t.cloud.call('RunCommand', {
    Type: 'RunShellScript',
    CommandContent: Buffer.from(script).toString('base64'),
    ContentEncoding: 'Base64',
    'InstanceId.1': id,
    ...changes,
  });
  return String(body.InvokeId);
}
async function results(invokeId: string) {
  const body = await t.cloud.call('DescribeInvocationResults', { InvokeId: invokeId });
  return resultsSchema.parse(body).Invocation.InvocationResults.InvocationResult;
}
async function result(invokeId: string) {
  const [only] = await results(invokeId);
  if (only === undefined) throw new Error('No result.');
  return only;
}
const hosted = () => {
  const found = t.host.instances.get(id);
  if (found === undefined) throw new Error('Not hosted.');
  return found;
};

test('exit codes, output and time-outs are told as they are', async () => {
  t.host.run = async (_id, script) => {
    if (script === 'slow') return { outcome: 'timedOut', output: 'so far' };
    return { outcome: 'exited', exitCode: script === 'bad' ? 3 : 0, output: `ran ${script}` };
  };
  const [good, bad, slow] = [await run('good'), await run('bad'), await run('slow')];
  await t.clock.pass(0);
  expect(await result(good)).toMatchObject({ InvocationStatus: 'Success', ExitCode: 0, ErrorCode: '' });
  expect(await result(bad)).toMatchObject({
    InvocationStatus: 'Failed',
    ExitCode: 3,
    ErrorCode: 'ExitCodeNonzero',
    Output: Buffer.from('ran bad').toString('base64'),
  });
  expect(await result(slow)).toMatchObject({ InvocationStatus: 'Timeout', ErrorCode: 'ExecutionTimeout' });
});

test('of a long output the end is kept, and the rest counted', async () => {
  t.host.run = async () => ({ outcome: 'exited', exitCode: 0, output: `${'a'.repeat(24 * 1024)}end` });
  const invokeId = await run('true');
  await t.clock.pass(0);
  const { Output, Dropped } = await result(invokeId);
  expect(Dropped).toBe(3);
  expect(Buffer.from(Output, 'base64').toString().endsWith('aend')).toBe(true);
});

test('a silent agent lets the command be sent, and says ClientNotRunning after the delivery time', async () => {
  hosted().agent = false;
  const invokeId = await run('true');
  await t.clock.pass(59_999);
  expect(await result(invokeId)).toMatchObject({
    InvokeRecordStatus: 'Running',
    InvocationStatus: 'Pending',
  });
  await t.clock.pass(1);
  expect(await result(invokeId)).toMatchObject({
    InvocationStatus: 'Aborted',
    ErrorCode: 'ClientNotRunning',
  });
});

test('a dead system lets the command be sent, and says DeliveryTimeout', async () => {
  t.cloud.breakInstance(id, { unbootable: true, now: true });
  const invokeId = await run('true');
  await t.clock.pass(60_000);
  expect(await result(invokeId)).toMatchObject({ InvocationStatus: 'Aborted', ErrorCode: 'DeliveryTimeout' });
  expect(t.host.scripts).toEqual([]);
});

test('a stopped instance says InstanceNotRunning at once; one that is not there refuses the call', async () => {
  await t.cloud.call('StopInstance', { InstanceId: id });
  const invokeId = await run('true');
  await t.clock.pass(0);
  expect(await result(invokeId)).toMatchObject({ ErrorCode: 'InstanceNotRunning' });
  await expect(run('true', { 'InstanceId.1': 'i-none' })).rejects.toMatchObject({
    code: 'InvalidInstance.NotFound',
    status: 404,
  });
});

test('a command whose instance goes down under it was interrupted', async () => {
  let end: (result: { outcome: 'agentSilent' }) => void = () => {};
  t.host.run = () =>
    new Promise((resolve) => {
      end = resolve;
    });
  const invokeId = await run('reboot');
  await t.clock.pass(0);
  expect(await result(invokeId)).toMatchObject({ InvocationStatus: 'Running' });
  await t.cloud.call('RebootInstance', { InstanceId: id, ForceStop: 'true' });
  end({ outcome: 'agentSilent' });
  await t.clock.pass(0);
  expect(await result(invokeId)).toMatchObject({ ErrorCode: 'ExecutionInterrupted' });
});

test('a host that never answers ends as a time-out', async () => {
  t.host.run = () => new Promise(() => {});
  const invokeId = await run('true', { Timeout: '20' });
  await t.clock.pass(50_000);
  expect(await result(invokeId)).toMatchObject({ InvocationStatus: 'Timeout' });
});

test('stopping a command calls off what has not begun, and only that', async () => {
  hosted().agent = false;
  const invokeId = await run('true');
  await t.clock.pass(1_000);
  await t.cloud.call('StopInvocation', { InvokeId: invokeId });
  expect(await result(invokeId)).toMatchObject({
    InvocationStatus: 'Cancelled',
    InvokeRecordStatus: 'Stopped',
  });
  await t.clock.pass(60_000);
  expect(await result(invokeId)).toMatchObject({ InvocationStatus: 'Cancelled' });
});

test('one command on many instances has a result for each, and a state over all', async () => {
  const [other = ''] = await runInstances(t.cloud);
  const invokeId = await run('true', { 'InstanceId.2': other });
  await t.clock.pass(0);
  expect((await results(invokeId)).map((entry) => [entry.InstanceId, entry.InvocationStatus])).toEqual([
    [id, 'Success'],
    [other, 'Aborted'],
  ]);
  const body = await t.cloud.call('DescribeInvocations', { InvokeId: invokeId });
  expect(JSON.stringify(body)).toContain('"InvokeStatus":"PartialFailed"');
});

test('the same ClientToken runs a script once', async () => {
  const token = { ClientToken: 'attempt-1' };
  expect(await run('once', token)).toBe(await run('once', token));
  await t.clock.pass(0);
  expect(t.host.scripts).toEqual([`${id}: once`]);
});

test("an agent's status is the string that the real one sends", async () => {
  const status = async () =>
    JSON.stringify(await t.cloud.call('DescribeCloudAssistantStatus', { 'InstanceId.1': id }));
  expect(await status()).toContain('"CloudAssistantStatus":"true"');
  hosted().agent = false;
  expect(await status()).toContain('"CloudAssistantStatus":"false"');
});
