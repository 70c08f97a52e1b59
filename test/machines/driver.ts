import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { type NodeContext, type NodeEvent, type NodeInput, nodeMachine } from '../../machines/node.ts';
import { type Asked, begin, declaredEffects, dotted, take } from './pure.ts';

export const someNode: NodeInput = {
  slot: 'workers-1',
  pool: 'workers',
  zone: 'cn-hangzhou-h',
  role: 'worker',
  nodeName: '10.0.0.1.i-1',
  instanceId: 'i-1',
  policy: {},
};

/** One whose record was lost: nothing is known of it but its slot. */
export const lostNode: NodeInput = { ...someNode, usedUp: true, nodeName: null, instanceId: null };

/** What a step did, in the order in which the runtime would do it. */
export interface Happened<Context = NodeContext> {
  readonly event: string;
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly stopped: readonly string[];
  readonly started: Asked['started'];
  readonly before: Context;
  readonly after: Context;
}

/** An end of the world's clock for a story: so many deadlines in one `advance` are a livelock. */
const MOST_DEADLINES_AT_ONCE = 10_000;

export function driveNode(changes: Partial<NodeInput> = {}) {
  return drive<NodeContext, NodeEvent>(nodeMachine, { ...someNode, ...changes });
}

/**
 * One actor in virtual time, by the runtime's rules: deadlines are absolute and fire one by one in their order, effects run until
 * they are told to end or their state is left, and an end that comes after that is not heard.
 */
export function drive<Context, Event extends { readonly type: string }>(
  machine: AnyStateMachine,
  input: object,
) {
  let now = 0;
  let snapshot: AnyMachineSnapshot;
  const deadlines = new Map<string, number>();
  const running = new Map<string, unknown>();
  const history: Happened<Context>[] = [];
  const first = begin(machine, input);
  snapshot = first.snapshot;
  for (const [id, ms] of first.asked.armed) deadlines.set(id, ms);
  for (const { id, input } of first.asked.started) running.set(id, input);

  function note(event: string, before: AnyMachineSnapshot, after: AnyMachineSnapshot, asked: Asked): void {
    for (const id of asked.calledOff) deadlines.delete(id);
    for (const [id, ms] of asked.armed) {
      deadlines.delete(id);
      deadlines.set(id, now + ms);
    }
    const declared = new Set(declaredEffects(after));
    const again = new Set(asked.started.map(({ id }) => id));
    const stopped = [...running.keys()].filter((id) => !declared.has(id) || again.has(id));
    for (const id of stopped) running.delete(id);
    for (const { id, input } of asked.started) running.set(id, input);
    history.push({
      event,
      at: now,
      from: dotted(before.value),
      to: dotted(after.value),
      stopped,
      started: asked.started,
      before: before.context,
      after: after.context,
    });
  }

  function send(event: { readonly type: string }): void {
    const before = snapshot;
    const step = take(machine, before, event);
    snapshot = step.snapshot;
    note(event.type, before, snapshot, step.asked);
  }

  function fireNext(until: number): boolean {
    const next = [...deadlines].reduce<[string, number] | undefined>(
      (earliest, each) => (earliest === undefined || each[1] < earliest[1] ? each : earliest),
      undefined,
    );
    if (next === undefined || next[1] > until) return false;
    const [id, due] = next;
    now = Math.max(now, due);
    deadlines.delete(id);
    send({ type: id });
    return true;
  }

  const ended = (id: string): void => {
    if (!running.delete(id))
      throw new Error(`${id} does not run; running: ${[...running.keys()].join(', ')}`);
  };

  const driver = {
    now: () => now,
    state: () => dotted(snapshot.value),
    status: () => snapshot.status,
    context: (): Context => snapshot.context,
    running: (): ReadonlyMap<string, unknown> => running,
    deadlines: (): ReadonlyMap<string, number> => deadlines,
    history: (): readonly Happened<Context>[] => history,
    snapshot: () => snapshot,
    send: (event: Event) => send(event),
    /** Any event, as the runtime would take it: a deadline only if it is armed, an end only of an effect that runs. False if not. */
    take(event: { readonly type: string }): boolean {
      const { type } = event;
      if (type.startsWith('xstate.after.')) {
        const due = deadlines.get(type);
        if (due === undefined) return false;
        deadlines.delete(type);
        now = Math.max(now, due);
      } else if (type.startsWith('xstate.') && !running.delete(type.split('.').slice(3).join('.'))) {
        return false;
      }
      send(event);
      return true;
    },
    /** Time passes: whatever is due meanwhile fires at its own time. */
    advance(ms: number): void {
      const until = now + ms;
      for (let fired = 0; fireNext(until); fired++)
        if (fired > MOST_DEADLINES_AT_ONCE) throw new Error(`a livelock of deadlines in ${driver.state()}`);
      now = until;
    },
    /** The supervisor is down for so long; what fell due meanwhile fires when it is back. */
    crash(ms: number): void {
      const until = now + ms;
      now = until;
      while (fireNext(until));
    },
    done(id: string, output: Readonly<Record<string, unknown>>): void {
      ended(id);
      send(Object.assign({ type: `xstate.done.actor.${id}` }, { output: { at: now, ...output } }));
    },
    fail(
      id: string,
      error: { readonly kind: string; readonly code: string; readonly message: string },
    ): void {
      ended(id);
      send(Object.assign({ type: `xstate.error.actor.${id}` }, { error }));
    },
  };
  return driver;
}

export type NodeDriver = ReturnType<typeof driveNode>;
