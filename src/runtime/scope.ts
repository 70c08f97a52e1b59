import { type AnyActorScope, type AnyMachineSnapshot, type AnyStateMachine, createEmptyActor } from 'xstate';
import type { ActorEvent } from './types.ts';

/** One action, as XState's pure transition hands it out. */
export interface ActionData {
  readonly type: string;
  readonly params: unknown;
}

// XState wants a scope in which actions are carried out. Ours is inert and shared: actions are collected as data. No transition is
// ever running while another one begins, so that one list is enough.
let collected: ActionData[] = [];
const inertActor = createEmptyActor();
const scope: AnyActorScope = {
  self: inertActor,
  id: '',
  sessionId: '',
  system: inertActor.system,
  logger() {},
  defer() {},
  stopChild() {},
  emit() {},
  actionExecutor(action) {
    collected.push(action);
  },
};

/** A snapshot and the actions that led to it, none of them carried out. */
export interface Transitioned {
  readonly snapshot: AnyMachineSnapshot;
  readonly actions: readonly ActionData[];
}

export function initialOf(machine: AnyStateMachine, input: unknown): Transitioned {
  collected = [];
  return { snapshot: machine.getInitialSnapshot(scope, input), actions: collected };
}

export function transitionOf(
  machine: AnyStateMachine,
  from: AnyMachineSnapshot,
  event: ActorEvent,
): Transitioned {
  collected = [];
  return { snapshot: machine.transition(from, event, scope), actions: collected };
}

/** The snapshot of an active machine without running effects. Throws if the machine has no such state. */
export function restored(
  machine: AnyStateMachine,
  value: unknown,
  historyValue: unknown,
): AnyMachineSnapshot {
  const stored = {
    status: 'active',
    output: undefined,
    error: undefined,
    value,
    context: {},
    children: {},
    historyValue,
  } as const;
  return machine.restoreSnapshot(stored, scope);
}
