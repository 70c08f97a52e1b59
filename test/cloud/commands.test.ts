import { expect, test } from '@jest/globals';
import { runCommand } from '../../src/cloud/commands.ts';
import { Failure } from '../../src/failure.ts';
import { fakeReading } from './fake-caller.ts';

interface Result {
  readonly invocationStatus: string;
  readonly exitCode?: number;
  readonly errorCode?: string;
  readonly output?: string;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

function results(...list: readonly Result[]) {
  return {
    invocation: {
      invocationResults: { invocationResult: list.map((result) => ({ instanceId: 'i-1', ...result })) },
    },
  };
}

/** A command whose result is `pending` at each look, until it is the last of the list. */
function command(...looks: readonly (Result | undefined)[]) {
  return fakeReading(({ action }, count) => {
    if (action === 'RunCommand') return { invokeId: 't-1' };
    const result = looks[Math.min(count, looks.length) - 1];
    return result === undefined ? results() : results(result);
  });
}

function options(abort = new AbortController()) {
  return { timeoutMs: 20_000, attempt: 'attempt-1', signal: abort.signal };
}

function run(reading: ReturnType<typeof fakeReading>) {
  return reading.clock.runUntil(runCommand(reading, 'i-1', 'systemctl restart kubelet', options()));
}

test('the command goes out once, with the attempt as its ClientToken, and its own limits', async () => {
  const reading = command({ invocationStatus: 'Success', exitCode: 0, output: base64('läuft\n') });
  expect(await run(reading)).toEqual({ outcome: 'exited', exitCode: 0, output: 'läuft\n' });
  expect(reading.sent[0]).toEqual({
    action: 'RunCommand',
    fields: {
      regionId: 'cn-test',
      name: 'wdrip',
      type: 'RunShellScript',
      commandContent: base64('systemctl restart kubelet'),
      contentEncoding: 'Base64',
      instanceId: ['i-1'],
      timeout: 20,
      terminationMode: 'ProcessTree',
      keepCommand: false,
      clientToken: 'attempt-1',
    },
  });
});

test('the result is looked for soon, then less often', async () => {
  const running: Result = { invocationStatus: 'Running' };
  const reading = command(undefined, running, running, running, running, running, running, {
    invocationStatus: 'Success',
    exitCode: 0,
  });
  const start = reading.clock.now();
  await run(reading);
  const looks = reading.sent.filter(({ action }) => action === 'DescribeInvocationResults');
  expect(looks).toHaveLength(8);
  const waits = Array.from({ length: 8 }, (_, index) => 50 * 1.2 ** index);
  expect(reading.clock.now() - start).toBeCloseTo(
    waits.reduce((sum, wait) => sum + wait, 0),
    3,
  );
});

test.each<[string, Result, object]>([
  ['Success', { invocationStatus: 'Success', exitCode: 0 }, { outcome: 'exited', exitCode: 0 }],
  [
    'Failed',
    { invocationStatus: 'Failed', exitCode: 5, errorCode: 'ExitCodeNonzero' },
    { outcome: 'exited', exitCode: 5 },
  ],
  [
    'Failed without a code',
    { invocationStatus: 'Failed', exitCode: 127 },
    { outcome: 'exited', exitCode: 127 },
  ],
  [
    'Timeout',
    { invocationStatus: 'Timeout', errorCode: 'ExecutionTimeout', output: base64('so far') },
    { outcome: 'timedOut', output: 'so far' },
  ],
  [
    'Failed by its time',
    { invocationStatus: 'Failed', errorCode: 'ExecutionTimeout' },
    { outcome: 'timedOut' },
  ],
  [
    'ClientNotRunning',
    { invocationStatus: 'Failed', errorCode: 'ClientNotRunning' },
    { outcome: 'agentSilent', code: 'ClientNotRunning' },
  ],
  [
    'ClientNotRunning with an exit code',
    { invocationStatus: 'Failed', exitCode: 0, errorCode: 'ClientNotRunning' },
    { outcome: 'agentSilent' },
  ],
  [
    'ClientNotResponse',
    { invocationStatus: 'Error', errorCode: 'ClientNotResponse' },
    { outcome: 'agentSilent', code: 'ClientNotResponse' },
  ],
  [
    'DeliveryTimeout',
    { invocationStatus: 'Failed', errorCode: 'DeliveryTimeout' },
    { outcome: 'agentSilent', code: 'DeliveryTimeout' },
  ],
  [
    'InstanceNotRunning',
    { invocationStatus: 'Failed', errorCode: 'InstanceNotRunning' },
    { outcome: 'agentSilent', code: 'InstanceNotRunning' },
  ],
  ['Aborted', { invocationStatus: 'Aborted' }, { outcome: 'agentSilent', code: 'Aborted' }],
  ['Invalid', { invocationStatus: 'Invalid' }, { outcome: 'agentSilent', code: 'Invalid' }],
])('an end as %s', async (_, result, expected) => {
  expect(await run(command({ invocationStatus: 'Pending' }, result))).toMatchObject(expected);
});

test.each<[string, Result, object]>([
  [
    'ExecutionException',
    { invocationStatus: 'Error', errorCode: 'ExecutionException' },
    { kind: 'retryable', code: 'ExecutionException' },
  ],
  [
    'ExecutionInterrupted',
    { invocationStatus: 'Failed', errorCode: 'ExecutionInterrupted' },
    { kind: 'retryable', code: 'ExecutionInterrupted' },
  ],
  [
    'Failed with the exit code of success',
    { invocationStatus: 'Failed', exitCode: 0 },
    { kind: 'retryable', code: 'Failed' },
  ],
  ['Cancelled', { invocationStatus: 'Cancelled' }, { kind: 'retryable', code: 'Cancelled' }],
  [
    'InstanceReleased',
    { invocationStatus: 'Failed', errorCode: 'InstanceReleased' },
    { kind: 'notFound', code: 'InstanceReleased' },
  ],
  ['InstanceNotExists', { invocationStatus: 'Failed', errorCode: 'InstanceNotExists' }, { kind: 'notFound' }],
  [
    'a state that is new to us',
    { invocationStatus: 'Evaporated' },
    { kind: 'retryable', code: 'Evaporated' },
  ],
])('an end as %s says nothing of the script or the agent', async (_, result, expected) => {
  await expect(run(command(result))).rejects.toMatchObject(expected);
});

test('a command that never ends is given up after its own time and that of its delivery', async () => {
  for (const [invocationStatus, outcome] of [
    ['Running', 'timedOut'],
    ['Pending', 'agentSilent'],
  ] as const) {
    const reading = command({ invocationStatus });
    const start = reading.clock.now();
    expect(await run(reading)).toMatchObject({ outcome });
    const tookMs = reading.clock.now() - start;
    expect(tookMs).toBeGreaterThanOrEqual(20_000 + 60_000);
    expect(tookMs).toBeLessThanOrEqual(20_000 + 60_000 + 10_000);
  }
  expect(await run(command(undefined))).toEqual({ outcome: 'agentSilent', code: 'DeliveryTimeout' });
});

test('an instance that does not run is as silent as its agent', async () => {
  const reading = fakeReading(() => {
    throw new Failure({ kind: 'rejected', code: 'IncorrectInstanceStatus', message: 'Stopped' });
  });
  expect(await run(reading)).toEqual({ outcome: 'agentSilent', code: 'IncorrectInstanceStatus' });
});

test('another refusal, such as no permission, says nothing about the agent', async () => {
  const refused = new Failure({ kind: 'rejected', code: 'Forbidden.RAM', message: 'no' });
  const reading = fakeReading(() => {
    throw refused;
  });
  await expect(run(reading)).rejects.toBe(refused);
});

test('an aborted signal ends the waiting', async () => {
  const reading = command({ invocationStatus: 'Running' });
  const abort = new AbortController();
  const running = runCommand(reading, 'i-1', 'true', options(abort));
  reading.clock.after(5_000, () => abort.abort(new Error('moved on')));
  await expect(reading.clock.runUntil(running)).rejects.toThrow('moved on');
});

test('a script over the limit, or an attempt that is no ClientToken, is our mistake: nothing is sent', async () => {
  const reading = command();
  await expect(runCommand(reading, 'i-1', 'x'.repeat(18_433), options())).rejects.toThrow(
    /24576 are the limit/,
  );
  for (const attempt of ['', 'x'.repeat(65), 'ä', 'a b']) {
    await expect(runCommand(reading, 'i-1', 'true', { ...options(), attempt })).rejects.toThrow(
      /ClientToken/,
    );
  }
  expect(reading.sent).toEqual([]);
});
