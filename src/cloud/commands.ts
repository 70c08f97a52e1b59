import assert from 'node:assert';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { sleep } from '../runtime/clock.ts';
import { asClientToken } from './changes.ts';
import type { Reading } from './instances.ts';
import type { Cloud, CommandResult } from './port.ts';
import { fill } from './sdk.ts';

/** The script in base64, in bytes: Cloud Assistant's limit. */
const SCRIPT_LIMIT = 24 * 1024;

/** Cloud Assistant gives up on an agent that does not take a command within a minute. In ms. */
const DELIVERY_MS = 60_000;

/** What the answer may be late beyond that, in ms, before the command counts as having no end. */
const GRACE_MS = 5_000;

/**
 * Wait before the first look at the result and the longest between two, in ms: a restart of a unit takes less than a second, and what is
 * lost by looking late stays below a fifth of what the command took.
 */
const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 2_000;
const POLL_GROWTH = 1.2;

/** The shortest time-out that Cloud Assistant takes, in seconds. */
const SHORTEST_TIMEOUT_S = 10;

/** The agent or its instance did not take the command: the instance needs more than a command. */
const AGENT_SILENT = new Set([
  'ClientNotRunning',
  'ClientNotResponse',
  'ClientNotOnline',
  'ClientIsUpgrading',
  'ClientNeedUpgrade',
  'DeliveryTimeout',
  'InstanceNotRunning',
]);

/** The cloud's word that the instance is no more. */
const INSTANCE_GONE = new Set(['InstanceNotExists', 'InstanceReleased']);

const resultAnswer = z.object({
  invocation: z.object({
    invocationResults: z.object({
      invocationResult: z.array(
        z.object({
          instanceId: z.string(),
          invocationStatus: z.string(),
          exitCode: z.number().optional(),
          errorCode: z.string().optional(),
          output: z.string().optional(),
        }),
      ),
    }),
  }),
});
type Invocation = z.infer<typeof resultAnswer>['invocation']['invocationResults']['invocationResult'][number];

/** Runs the script through Cloud Assistant and reads its end: the call itself succeeds with a dead agent. */
export async function runCommand(
  reading: Reading,
  id: string,
  script: string,
  options: Parameters<Cloud['runCommand']>[2],
): Promise<CommandResult> {
  const { call, region, clock } = reading;
  const { signal, timeoutMs } = options;
  const clientToken = asClientToken(`a command on ${id}`, options.attempt);
  const content = Buffer.from(script).toString('base64');
  assert(
    content.length <= SCRIPT_LIMIT,
    `the script for ${id} has ${content.length} bytes, ${SCRIPT_LIMIT} are the limit`,
  );

  let invokeId: string;
  try {
    const started = await call(
      {
        action: 'RunCommand',
        repeatable: 'token',
        answer: z.object({ invokeId: z.string().min(1) }),
        send: (client, ecs) =>
          client.runCommand(
            fill(ecs.RunCommandRequest, {
              regionId: region,
              name: 'wdrip',
              type: 'RunShellScript',
              commandContent: content,
              contentEncoding: 'Base64',
              instanceId: [id],
              timeout: Math.max(SHORTEST_TIMEOUT_S, Math.ceil(timeoutMs / 1_000)),
              terminationMode: 'ProcessTree',
              keepCommand: false,
              clientToken,
            }),
          ),
      },
      options,
    );
    invokeId = started.invokeId;
  } catch (caught) {
    // An instance that does not run has no agent that could answer.
    if (caught instanceof Failure && /^IncorrectInstanceStatus|NotRunning/.test(caught.code)) {
      return { outcome: 'agentSilent', code: caught.code };
    }
    throw caught;
  }

  const deadline = clock.now() + timeoutMs + DELIVERY_MS + GRACE_MS;
  let wait = FIRST_POLL_MS;
  for (;;) {
    await sleep(clock, wait, signal);
    wait = Math.min(LONGEST_POLL_MS, wait * POLL_GROWTH);
    const newest = await look(reading, id, invokeId, signal);
    const end = newest && endOf(id, newest);
    if (end) return end;
    if (clock.now() >= deadline) {
      return newest?.invocationStatus === 'Running'
        ? { outcome: 'timedOut', output: outputOf(newest) }
        : { outcome: 'agentSilent', code: 'DeliveryTimeout' };
    }
  }
}

async function look(
  { call, region }: Reading,
  id: string,
  invokeId: string,
  signal: AbortSignal,
): Promise<Invocation | undefined> {
  const { invocation } = await call(
    {
      action: 'DescribeInvocationResults',
      repeatable: 'always',
      answer: resultAnswer,
      send: (client, ecs) =>
        client.describeInvocationResults(
          fill(ecs.DescribeInvocationResultsRequest, {
            regionId: region,
            invokeId,
            instanceId: id,
            contentEncoding: 'Base64',
          }),
        ),
    },
    { signal },
  );
  return invocation.invocationResults.invocationResult.find(({ instanceId }) => instanceId === id);
}

/** How it ended, or undefined while it has not. An end that is neither the script's nor the agent's fault is a `Failure`. */
export function endOf(id: string, result: Invocation): CommandResult | undefined {
  const code = result.errorCode ?? '';
  if (INSTANCE_GONE.has(code)) {
    throw new Failure({
      kind: 'notFound',
      code,
      message: `RunCommand: the cloud says that ${id} does not exist`,
    });
  }
  switch (result.invocationStatus) {
    case 'Pending':
    case 'Scheduled':
    case 'Running':
    case 'Stopping':
      return undefined;
    case 'Success':
      return { outcome: 'exited', exitCode: result.exitCode ?? 0, output: outputOf(result) };
    case 'Aborted':
    case 'Invalid':
      return { outcome: 'agentSilent', code: code || result.invocationStatus };
    case 'Timeout':
      return { outcome: 'timedOut', output: outputOf(result) };
  }
  if (code === 'ExecutionTimeout') return { outcome: 'timedOut', output: outputOf(result) };
  if (AGENT_SILENT.has(code)) return { outcome: 'agentSilent', code };
  if (result.invocationStatus === 'Failed' && result.exitCode !== undefined && result.exitCode !== 0) {
    return { outcome: 'exited', exitCode: result.exitCode, output: outputOf(result) };
  }
  throw new Failure({
    kind: 'retryable',
    code: code || result.invocationStatus,
    message: `RunCommand: on ${id} it ended as ${result.invocationStatus}${code && ` (${code})`}, without an exit code`,
  });
}

function outputOf(result: Invocation): string {
  return Buffer.from(result.output ?? '', 'base64').toString('utf8');
}
