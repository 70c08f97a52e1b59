import { Buffer } from 'node:buffer';
import { unverified } from './unverified.ts';
import type { World } from './world.ts';

/** Words of Cloud Assistant for one instance's part of an invocation (official documentation). */
export type InvocationStatus =
  | 'Pending'
  | 'Running'
  | 'Success'
  | 'Failed'
  | 'Timeout'
  | 'Aborted'
  | 'Cancelled';

/** One instance's part. Times are epoch ms. */
export interface InvocationPart {
  readonly instanceId: string;
  readonly status: InvocationStatus;
  readonly exitCode: number | null;
  readonly errorCode: string;
  readonly errorInfo: string;
  /** At most 24 KB of what the script wrote; `dropped` counts the other bytes. */
  readonly output: Buffer;
  readonly dropped: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** One RunCommand. */
export interface Invocation {
  readonly id: string;
  readonly sequence: number;
  readonly commandId: string;
  readonly name: string;
  /** Base64. */
  readonly content: string;
  readonly timeoutMs: number;
  readonly createdAt: number;
  readonly parts: readonly InvocationPart[];
}

/** Official documentation: the last bytes of the output that are kept. */
const MOST_OUTPUT_BYTES = 24 * 1024;
/** What is remembered of commands; the oldest go first. The real cloud keeps weeks. */
const MOST_INVOCATIONS = 2_000;
/** How long the host may take over a command beyond its own time-out before the cloud gives it up. */
const HOST_SLACK_MS = 30_000;

/** Starts a command on each instance. This always succeeds: what became of it is in its parts. */
export function invoke(
  world: World,
  command: {
    readonly name: string;
    readonly script: string;
    readonly timeoutMs: number;
    readonly instanceIds: readonly string[];
  },
): Invocation {
  const invocation: Invocation = {
    id: world.newId('t'),
    sequence: world.nextSequence(),
    commandId: world.newId('c'),
    name: command.name,
    content: Buffer.from(command.script).toString('base64'),
    timeoutMs: command.timeoutMs,
    createdAt: world.clock.now(),
    parts: command.instanceIds.map((instanceId) => ({
      instanceId,
      status: 'Pending',
      exitCode: null,
      errorCode: '',
      errorInfo: '',
      output: Buffer.alloc(0),
      dropped: 0,
      startedAt: null,
      finishedAt: null,
    })),
  };
  world.invocations.set(invocation.id, invocation);
  const oldest = world.invocations.keys().next();
  if (world.invocations.size > MOST_INVOCATIONS && oldest.done !== true)
    world.invocations.delete(oldest.value);
  for (const instanceId of command.instanceIds)
    world.background(
      () => deliver(world, invocation, command.script, instanceId),
      (caught) =>
        finish(world, invocation.id, instanceId, {
          status: 'Aborted',
          errorCode: 'ClientNotResponse',
          errorInfo: caught instanceof Error ? caught.message : String(caught),
        }),
    );
  return invocation;
}

/** Calls off what has not begun. A script that runs already is not stopped (official documentation). */
export function cancel(world: World, invocation: Invocation, instanceIds: readonly string[]): void {
  for (const part of invocation.parts)
    if (part.status === 'Pending' && (instanceIds.length === 0 || instanceIds.includes(part.instanceId)))
      finish(world, invocation.id, part.instanceId, { status: 'Cancelled' });
}

async function deliver(
  world: World,
  invocation: Invocation,
  script: string,
  instanceId: string,
): Promise<void> {
  const tell = (changes: Partial<InvocationPart>) => finish(world, invocation.id, instanceId, changes);
  const before = world.instances.get(instanceId);
  if (before === undefined) return tell({ status: 'Aborted', errorCode: 'InstanceNotExists' });
  if (before.status !== 'Running') return tell({ status: 'Aborted', errorCode: 'InstanceNotRunning' });
  const deadline = world.clock.now() + world.timings.deliveryMs;
  if (!before.booted) {
    await world.waitExactly(deadline - world.clock.now());
    return tell({ status: 'Aborted', errorCode: unverified.deadSystem });
  }
  change(world, invocation.id, instanceId, { status: 'Running', startedAt: world.clock.now() });
  const result = await Promise.race([
    world.host.run(instanceId, script, { timeoutMs: invocation.timeoutMs }),
    world
      .waitExactly(invocation.timeoutMs + HOST_SLACK_MS)
      .then(() => ({ outcome: 'timedOut', output: '' }) as const),
  ]);
  const after = world.instances.get(instanceId);
  const interrupted = after === undefined || !after.booted || after.bootCount !== before.bootCount;
  switch (result.outcome) {
    case 'exited':
      return tell({
        ...kept(result.output),
        status: result.exitCode === 0 ? 'Success' : 'Failed',
        exitCode: result.exitCode,
        errorCode: result.exitCode === 0 ? '' : 'ExitCodeNonzero',
      });
    case 'timedOut':
      return tell({ ...kept(result.output), status: 'Timeout', errorCode: 'ExecutionTimeout' });
    case 'agentSilent': {
      if (interrupted)
        return tell({
          status: unverified.interruptedCommand.status,
          errorCode: unverified.interruptedCommand.code,
        });
      change(world, invocation.id, instanceId, { status: 'Pending', startedAt: null });
      await world.waitExactly(deadline - world.clock.now());
      return tell({ status: 'Aborted', errorCode: unverified.silentAgent });
    }
  }
}

function kept(output: string): Pick<InvocationPart, 'output' | 'dropped'> {
  const bytes = Buffer.from(output);
  const dropped = Math.max(0, bytes.length - MOST_OUTPUT_BYTES);
  return { output: bytes.subarray(dropped), dropped };
}

/** Ends a part, once: one that was called off stays so. */
function finish(world: World, id: string, instanceId: string, changes: Partial<InvocationPart>): void {
  change(world, id, instanceId, { ...changes, finishedAt: world.clock.now() });
}

/** What has ended is not changed any more. */
function change(world: World, id: string, instanceId: string, changes: Partial<InvocationPart>): void {
  const invocation = world.invocations.get(id);
  if (invocation === undefined) return;
  const parts = invocation.parts.map((part) =>
    part.instanceId === instanceId && part.finishedAt === null ? { ...part, ...changes } : part,
  );
  world.invocations.set(id, { ...invocation, parts });
}
