import { Buffer } from 'node:buffer';
import type { Json } from '../../../runtime/record.ts';
import { ApiError, invalidParameter, missingParameter } from '../api-error.ts';
import { cancel, type Invocation, type InvocationPart, invoke } from '../invocations.ts';
import { page, questionOf } from '../paging.ts';
import { flag, integer, list, optional, required } from '../params.ts';
import { unverified } from '../unverified.ts';
import type { Action } from './action.ts';
import { toSecond } from './describe-instances.ts';

/** Official documentation: of the command after base64, and of the instances of one call. */
const MOST_CONTENT_BYTES = 24 * 1024;
const MOST_INSTANCES = 100;
const DEFAULT_TIMEOUT_S = 60;
/** The agent is asked whether it is there; an answer takes a few ms. */
const PROBE_TIMEOUT_MS = 2_000;

/** Sends a shell script to agents. It succeeds even if no agent is alive: the result tells. */
export const runCommand: Action = ({ world, params }) => {
  if (required(params, 'Type') !== 'RunShellScript') throw invalidParameter('Type');
  const content = required(params, 'CommandContent');
  const plain = (optional(params, 'ContentEncoding') ?? 'PlainText') === 'PlainText';
  const script = plain ? content : Buffer.from(content, 'base64').toString('utf8');
  if (Buffer.from(script).toString('base64').length > MOST_CONTENT_BYTES)
    throw invalidParameter('CommandContent', 'is too long');
  const timeoutMs = (integer(params, 'Timeout') ?? DEFAULT_TIMEOUT_S) * 1_000;
  if (timeoutMs <= 0) throw invalidParameter('Timeout');
  const instanceIds = [...new Set(list(params, 'InstanceId'))];
  if (instanceIds.length === 0) throw missingParameter('InstanceId.1');
  if (instanceIds.length > MOST_INSTANCES)
    throw new ApiError({
      status: 403,
      code: 'InstanceIds.ExceedLimit',
      message: 'The number of instance IDs exceeds the upper limit.',
    });
  if (!instanceIds.every((id) => world.instances.has(id)))
    throw new ApiError({
      status: 404,
      code: 'InvalidInstance.NotFound',
      message: 'The specified instances do not exist.',
    });
  const name = optional(params, 'Name') ?? '';
  const invocation = invoke(world, { name, script, timeoutMs, instanceIds });
  return { body: { CommandId: invocation.commandId, InvokeId: invocation.id }, effect: true };
};

/** What became of commands, an entry for each instance. */
export const describeInvocationResults: Action = ({ world, params }) => {
  const instanceId = optional(params, 'InstanceId');
  const plain = optional(params, 'ContentEncoding') === 'PlainText';
  const parts = chosen(world.invocations, params).flatMap((invocation) =>
    invocation.parts
      .filter((part) => instanceId === null || part.instanceId === instanceId)
      .map((part) => ({ invocation, part })),
  );
  const sequenceOf = (entry: (typeof parts)[number]) =>
    entry.invocation.sequence * MOST_INSTANCES + entry.invocation.parts.indexOf(entry.part);
  const { items, fields } = page(params, parts, sequenceOf, questionOf(params));
  const results = items.map(({ invocation, part }) => ({
    CommandId: invocation.commandId,
    InvokeId: invocation.id,
    InstanceId: part.instanceId,
    InvokeRecordStatus: recordStatus(part),
    ...shownPart(invocation, part, plain),
  }));
  return {
    body: { Invocation: { ...fields, InvocationResults: { InvocationResult: results } } },
    effect: false,
  };
};

/** Commands, with their state over all of their instances. */
export const describeInvocations: Action = ({ world, params }) => {
  const withOutput = flag(params, 'IncludeOutput') ?? false;
  const plain = optional(params, 'ContentEncoding') === 'PlainText';
  const all = chosen(world.invocations, params);
  const { items, fields } = page(params, all, (invocation) => invocation.sequence, questionOf(params));
  const invocations = items.map((invocation) => ({
    InvokeId: invocation.id,
    CommandId: invocation.commandId,
    CommandName: invocation.name,
    CommandType: 'RunShellScript',
    CommandContent: plain ? Buffer.from(invocation.content, 'base64').toString('utf8') : invocation.content,
    Timeout: invocation.timeoutMs / 1_000,
    RepeatMode: 'Once',
    CreationTime: toSecond(invocation.createdAt),
    InvokeStatus: aggregate(invocation.parts),
    InvokeInstances: {
      InvokeInstance: invocation.parts.map((part) => {
        const { Output: output, ...rest } = shownPart(invocation, part, plain);
        return { InstanceId: part.instanceId, ...rest, ...(withOutput ? { Output: output } : {}) };
      }),
    },
  }));
  return { body: { ...fields, Invocations: { Invocation: invocations } }, effect: false };
};

/** Calls off what has not begun on the instances named, or on all. */
export const stopInvocation: Action = ({ world, params }) => {
  const invocation = world.invocations.get(required(params, 'InvokeId'));
  if (invocation === undefined) throw new ApiError(unverified.unknownInvocation);
  cancel(world, invocation, list(params, 'InstanceId'));
  return { body: {}, effect: world.invocations.get(invocation.id) !== invocation };
};

/** Whether agents answer, as the string that the real one sends. Each agent is really asked. */
export const describeCloudAssistantStatus: Action = async ({ world, params }) => {
  const ids = list(params, 'InstanceId');
  const instances = [...world.instances.values()].filter(
    (instance) => ids.length === 0 || ids.includes(instance.id),
  );
  const { items, fields } = page(params, instances, (instance) => instance.sequence, questionOf(params));
  const statuses = await Promise.all(
    items.map(async (instance) => {
      const alive =
        instance.booted &&
        (await world.host.run(instance.id, ':', { timeoutMs: PROBE_TIMEOUT_MS }).then(
          (result) => result.outcome === 'exited',
          () => false,
        ));
      const running = [...world.invocations.values()].filter((invocation) =>
        invocation.parts.some((part) => part.instanceId === instance.id && part.finishedAt === null),
      );
      return {
        InstanceId: instance.id,
        CloudAssistantStatus: String(alive),
        CloudAssistantVersion: alive ? '2.2.3.000' : '',
        LastHeartbeatTime: alive ? toSecond(world.clock.now()) : '',
        ActiveTaskCount: running.length,
        OSType: 'Linux',
      };
    }),
  );
  return {
    body: {
      ...fields,
      InstanceCloudAssistantStatusSet: { InstanceCloudAssistantStatus: statuses },
    },
    effect: false,
  };
};

function chosen(
  invocations: ReadonlyMap<string, Invocation>,
  params: ReadonlyMap<string, string>,
): readonly Invocation[] {
  const invokeId = optional(params, 'InvokeId');
  const commandId = optional(params, 'CommandId');
  const instanceId = optional(params, 'InstanceId');
  return [...invocations.values()].filter(
    (invocation) =>
      (invokeId === null || invocation.id === invokeId) &&
      (commandId === null || invocation.commandId === commandId) &&
      (instanceId === null || invocation.parts.some((part) => part.instanceId === instanceId)),
  );
}

function shownPart(invocation: Invocation, part: InvocationPart, plain: boolean) {
  const time = (ms: number | null) => (ms === null ? '' : toSecond(ms));
  const shown: Record<string, Json> = {
    InvocationStatus: part.status,
    ErrorCode: part.errorCode,
    ErrorInfo: part.errorInfo,
    Output: part.output.toString(plain ? 'utf8' : 'base64'),
    Dropped: part.dropped,
    CreationTime: toSecond(invocation.createdAt),
    StartTime: time(part.startedAt),
    FinishedTime: time(part.finishedAt),
    ...(part.exitCode === null ? {} : { ExitCode: part.exitCode }),
  };
  return shown;
}

function recordStatus(part: InvocationPart): string {
  if (part.finishedAt === null) return 'Running';
  if (part.status === 'Cancelled') return 'Stopped';
  return part.status === 'Aborted' ? 'Failed' : 'Finished';
}

function aggregate(parts: readonly InvocationPart[]): string {
  if (parts.some((part) => part.finishedAt === null)) return 'Running';
  if (parts.every((part) => part.status === 'Cancelled')) return 'Stopped';
  const good = parts.filter((part) => part.status === 'Success').length;
  if (good === parts.length) return 'Success';
  return good === 0 ? 'Failed' : 'PartialFailed';
}
