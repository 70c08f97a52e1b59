import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { type Asked, begin, dotted, microsteps, stateNodes, take } from './pure.ts';

/** An event of any kind that a machine takes: of the world, of a deadline, or of an effect's end. */
export interface AnyEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A machine's bounded space: where it begins, what can happen in each state, and which states behave the same. */
export interface Space {
  readonly machine: AnyStateMachine;
  readonly inputs: readonly object[];
  /** What of a snapshot its future depends on, as text: two with the same key behave the same, and so the space is bounded. */
  readonly keyOf: (snapshot: AnyMachineSnapshot) => string;
  /** All facts, each deadline, each end of each effect. */
  readonly possible: (snapshot: AnyMachineSnapshot) => readonly AnyEvent[];
}

/** A state of the bounded space, and how it was first come to: shortest, since the search is breadth first. */
export interface Found {
  readonly key: string;
  readonly snapshot: AnyMachineSnapshot;
  readonly from: Found | null;
  readonly by: AnyEvent | null;
}

/** One transition from one state of the space to another (or to itself, with something changed). */
export interface Edge {
  readonly from: Found;
  readonly event: AnyEvent;
  readonly to: AnyMachineSnapshot;
  readonly toKey: string;
  readonly asked: Asked;
}

/** A transition as the rules look at it: what never may happen is said of this, independent of how the machine is written. */
export interface Moved<Context> {
  readonly event: string;
  /** State values as dotted paths. */
  readonly from: string;
  readonly to: string;
  readonly before: Context;
  readonly after: Context;
  readonly started: readonly { readonly src: string; readonly input: unknown }[];
}

/** What must never happen, each by its name, and the transitions that do it. */
export type Rules<Context> = Readonly<Record<string, (moved: Moved<Context>) => boolean>>;

/** More states than a space may have: beyond it, something unbounded has crept into the key. */
const MOST_STATES = 20_000;

/**
 * Walks the whole bounded space of a machine, breadth first, and shows every edge, until `visit` says that it has seen enough. It finds
 * the same states as xstate/graph's `getAdjacencyMap` (a test compares them), in half the time, and it keeps the edges that lead back to
 * a known state.
 */
export function explore(
  { machine, inputs, keyOf, possible }: Space,
  visit: (edge: Edge) => 'enough' | undefined,
): ReadonlyMap<string, Found> {
  const found = new Map<string, Found>();
  const queue: Found[] = [];
  const add = (state: Found): void => {
    if (found.has(state.key)) return;
    found.set(state.key, state);
    queue.push(state);
  };
  for (const input of inputs) {
    const { snapshot } = begin(machine, input);
    add({ key: keyOf(snapshot), snapshot, from: null, by: null });
  }
  for (let next = 0; next < queue.length; next++) {
    if (found.size > MOST_STATES)
      throw new Error(`more than ${MOST_STATES} states: the space is not bounded`);
    const from = queue[next];
    if (from === undefined || from.snapshot.status !== 'active') continue;
    for (const event of possible(from.snapshot)) {
      const { snapshot: to, asked } = take(machine, from.snapshot, event);
      const toKey = to === from.snapshot ? from.key : keyOf(to);
      if (visit({ from, event, to, toKey, asked }) === 'enough') return found;
      add({ key: toKey, snapshot: to, from, by: event });
    }
  }
  return found;
}

/** The events that lead to a state, from the start. */
export function pathTo(state: Found): readonly AnyEvent[] {
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

/** The declared transitions that an event takes in a snapshot, with those that follow from it by themselves. */
export function transitionsTaken(
  machine: AnyStateMachine,
  before: AnyMachineSnapshot,
  event: AnyEvent,
): readonly object[] {
  const taken: object[] = [...machine.getTransitionData(before, event)];
  const steps = microsteps(machine, before, event);
  for (const [index, snapshot] of steps.entries()) {
    const after = steps[index + 1];
    if (after === undefined) break;
    const following = firstEventless(machine, snapshot, event) ?? endOfInner(snapshot);
    // The end of a state that has been left meanwhile is told to nobody.
    if (following === undefined && after !== snapshot)
      throw new Error(`nothing leads on from ${dotted(snapshot.value)}`);
    if (following !== undefined) taken.push(following);
  }
  return taken;
}

/** Which eventless transition a snapshot takes: the innermost state's first whose guard holds. Guards are named. */
function firstEventless(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: AnyEvent,
): object | undefined {
  const { context } = snapshot;
  const deepestFirst = [...snapshot._nodes].sort((a, b) => b.path.length - a.path.length);
  for (const node of deepestFirst)
    for (const transition of node.always ?? []) {
      if (transition.guard === undefined) return transition;
      const { type, params } = named(transition.guard);
      const guard: unknown = machine.implementations.guards[type];
      if (typeof guard === 'function' && Reflect.apply(guard, undefined, [{ context, event }, params]))
        return transition;
    }
  return undefined;
}

/** The transition of a state whose inner one has come to its end. */
function endOfInner({ _nodes }: AnyMachineSnapshot): object | undefined {
  const ended = _nodes.find(({ type }) => type === 'final')?.parent;
  return ended?.transitions.get(`xstate.done.state.${ended.id}`)?.[0];
}

function named(guard: unknown): { readonly type: string; readonly params: unknown } {
  if (typeof guard === 'object' && guard !== null)
    return { type: String(Reflect.get(guard, 'type')), params: Reflect.get(guard, 'params') };
  return { type: String(guard), params: undefined };
}
