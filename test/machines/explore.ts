import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { nodeMachine } from '../../machines/node.ts';
import { lostNode, someNode } from './driver.ts';
import { type Asked, begin, dotted, microsteps, stateNodes, take } from './pure.ts';
import { type AnyNodeEvent, everythingThatCanHappen, stateKey } from './space.ts';

/** A state of the bounded space, and how it was first come to: shortest, since the search is breadth first. */
export interface Found {
  readonly key: string;
  readonly snapshot: AnyMachineSnapshot;
  readonly from: Found | null;
  readonly by: AnyNodeEvent | null;
}

/** One transition from one state of the space to another (or to itself, with something changed). */
export interface Edge {
  readonly from: Found;
  readonly event: AnyNodeEvent;
  readonly to: AnyMachineSnapshot;
  readonly toKey: string;
  readonly asked: Asked;
}

/** More states than the space may have: beyond it, something unbounded has crept into the key. */
const MOST_STATES = 20_000;

/**
 * Walks the whole bounded space of the node machine, breadth first, and shows every edge. It finds the same states as xstate/graph's
 * `getAdjacencyMap` (a test compares them), in half the time, and it keeps the edges that lead back to a known state.
 */
export function explore(
  visit: (edge: Edge) => void,
  possible: (snapshot: AnyMachineSnapshot) => readonly AnyNodeEvent[] = everythingThatCanHappen,
  inputs: readonly object[] = [someNode, lostNode],
): ReadonlyMap<string, Found> {
  const found = new Map<string, Found>();
  const queue: Found[] = [];
  const add = (state: Found): void => {
    if (found.has(state.key)) return;
    found.set(state.key, state);
    queue.push(state);
  };
  for (const input of inputs) {
    const { snapshot } = begin(nodeMachine, input);
    add({ key: stateKey(snapshot), snapshot, from: null, by: null });
  }
  for (let next = 0; next < queue.length; next++) {
    if (found.size > MOST_STATES)
      throw new Error(`more than ${MOST_STATES} states: the space is not bounded`);
    const from = queue[next];
    if (from === undefined || from.snapshot.status !== 'active') continue;
    for (const event of possible(from.snapshot)) {
      const { snapshot: to, asked } = take(nodeMachine, from.snapshot, event);
      const toKey = stateKey(to);
      visit({ from, event, to, toKey, asked });
      add({ key: toKey, snapshot: to, from, by: event });
    }
  }
  return found;
}

/** The events that lead to a state, from the start. */
export function pathTo(state: Found): readonly AnyNodeEvent[] {
  return state.from === null || state.by === null ? [] : [...pathTo(state.from), state.by];
}

/** The state that the path to a state begins in. */
export function startOf(state: Found): Found {
  return state.from === null ? state : startOf(state.from);
}

/** All transitions that a machine declares, by a name that a person can find: `node.suspect on NODE_READY #1`. */
export function declaredTransitions(machine: AnyStateMachine): ReadonlyMap<object, string> {
  const names = new Map<object, string>();
  for (const node of stateNodes(machine)) {
    for (const [type, transitions] of node.transitions)
      for (const [index, transition] of transitions.entries())
        names.set(transition, `${node.id} on ${type}${transitions.length > 1 ? ` #${index + 1}` : ''}`);
    for (const [index, transition] of (node.always ?? []).entries())
      names.set(transition, `${node.id} always #${index + 1}`);
  }
  return names;
}

/** The declared transitions that an event takes in a snapshot, with the eventless ones that follow from it. */
export function transitionsTaken(
  machine: AnyStateMachine,
  before: AnyMachineSnapshot,
  event: AnyNodeEvent,
): readonly object[] {
  const taken: object[] = [...machine.getTransitionData(before, event)];
  const steps = microsteps(machine, before, event);
  for (const [index, snapshot] of steps.entries()) {
    if (index === steps.length - 1) break;
    const eventless = firstEventless(machine, snapshot, event);
    if (eventless === undefined) throw new Error(`nothing eventless leads on from ${dotted(snapshot.value)}`);
    taken.push(eventless);
  }
  return taken;
}

/** Which eventless transition a snapshot takes: the innermost state's first whose guard holds. Guards are named and without params. */
function firstEventless(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: AnyNodeEvent,
): object | undefined {
  const { context } = snapshot;
  const deepestFirst = [...snapshot._nodes].sort((a, b) => b.path.length - a.path.length);
  for (const node of deepestFirst)
    for (const transition of node.always ?? []) {
      if (transition.guard === undefined) return transition;
      const guard: unknown = machine.implementations.guards[String(transition.guard)];
      if (typeof guard === 'function' && Reflect.apply(guard, undefined, [{ context, event }, undefined]))
        return transition;
    }
  return undefined;
}
