import type { AnyMachineSnapshot } from 'xstate';
import type { ActorRecord } from '../../src/runtime/record.ts';
import { inflate, nextStep, type RegisteredMachine, registerMachine } from '../../src/runtime/step.ts';
import type { ActorEvent } from '../../src/runtime/types.ts';
import {
  type AnyEvent,
  declaredTransitions,
  type Edge,
  explore,
  type Found,
  type Moved,
  pathTo,
  type Rules,
  type Space,
  transitionsTaken,
} from './explore.ts';
import { declaredDeadlines, declaredEffects, dotted } from './pure.ts';

/** What a walk over a whole space has found. */
export interface Walk {
  readonly found: ReadonlyMap<string, Found>;
  /** By the transition's name: the shortest path that takes it. */
  readonly covering: ReadonlyMap<string, { readonly from: Found; readonly event: AnyEvent }>;
  /** By the rule: the shortest path that breaks it. */
  readonly broken: ReadonlyMap<string, string>;
  /** By state: the states to which an effect's end alone leads on. */
  readonly byEndsAlone: ReadonlyMap<string, ReadonlySet<string>>;
  /** State values without a way out: neither a deadline nor a fact that is told again and again leads to another one. */
  readonly stuck: ReadonlySet<string>;
  /** Paths whose last event begins an effect anew that was still at work: its attempt would be another one. */
  readonly begunTwice: ReadonlySet<string>;
  /** Paths whose last event does something else once the actor was read back from its record. */
  readonly restoredOtherwise: ReadonlySet<string>;
}

/** What leads to a finding, for people: the events from the start on. */
function told(from: Found, event: AnyEvent): string {
  const said = ({ type, at: _, ...rest }: AnyEvent) =>
    Object.keys(rest).length === 0 ? type : `${type} ${JSON.stringify(rest)}`;
  return [...pathTo(from), event].map(said).join(' > ');
}

function moved<Context>({ from, event, to, asked }: Edge): Moved<Context> {
  return {
    event: event.type,
    from: dotted(from.snapshot.value),
    to: dotted(to.value),
    before: from.snapshot.context,
    after: to.context,
    started: asked.started,
  };
}

/** The first rule that a space breaks, and the path that breaks it; null if it breaks none. Ends at the first. */
export function firstBroken<Context>(
  space: Space,
  rules: Rules<Context>,
): { readonly rule: string; readonly path: string } | null {
  let first: { readonly rule: string; readonly path: string } | null = null;
  explore(space, (edge) => {
    const movement = moved<Context>(edge);
    const rule = Object.keys(rules).find((each) => rules[each]?.(movement) === true);
    if (rule === undefined) return undefined;
    first = { rule, path: told(edge.from, edge.event) };
    return 'enough';
  });
  return first;
}

export type Finding = 'stuck' | 'begunTwice' | 'restoredOtherwise';

/** What a walk finds that no rule has to be written for. */
export function findingsOf(space: Space, toldAgain: (event: AnyEvent) => boolean): Pick<Walk, Finding> {
  return walk(space, {}, toldAgain);
}

/**
 * Walks a whole space and looks at every edge of it. `toldAgain`: the fact is told by a watch until the actor knows it, so that a state
 * may wait for it; what only a person says is no way out.
 */
export function walk<Context>(
  space: Space,
  rules: Rules<Context>,
  toldAgain: (event: AnyEvent) => boolean,
): Walk {
  const { machine } = space;
  const registered = registerMachine('it', { machine, version: 1, migrations: {} });
  const declared = declaredTransitions(machine);
  const open = new Set(declared.keys());
  const looked = new Set<string>();
  const covering = new Map<string, { readonly from: Found; readonly event: AnyEvent }>();
  const broken = new Map<string, string>();
  const byEndsAlone = new Map<string, Set<string>>();
  const left = new Set<string>();
  const begunTwice = new Set<string>();
  const restoredOtherwise = new Set<string>();

  const found = explore(space, (edge) => {
    const { from, event, toKey, asked } = edge;
    const movement = moved<Context>(edge);
    for (const [rule, breaks] of Object.entries(rules))
      if (!broken.has(rule) && breaks(movement)) broken.set(rule, told(from, event));

    if (toKey !== from.key && /^xstate\.(done|error)/.test(event.type)) {
      const next = byEndsAlone.get(from.key) ?? new Set();
      byEndsAlone.set(from.key, next.add(toKey));
    }
    if (movement.from !== movement.to && (event.type.startsWith('xstate.after.') || toldAgain(event)))
      left.add(movement.from);
    if (movement.from === movement.to && asked.started.some(({ id }) => !event.type.endsWith(`.${id}`)))
      begunTwice.add(`${movement.from}: ${event.type}`);

    // The same event between the same states does the same: looked at once.
    const kind = `${movement.from} ${event.type} ${movement.to} ${asked.started.length}`;
    if (looked.has(kind) && open.size === 0) return undefined;
    if (!looked.has(kind) && !restoresTheSame(registered, edge)) restoredOtherwise.add(told(from, event));
    looked.add(kind);
    const between = `${from.key} ${event.type} ${toKey}`;
    if (open.size === 0 || looked.has(between)) return undefined;
    looked.add(between);
    for (const transition of transitionsTaken(machine, from.snapshot, event))
      if (open.delete(transition)) covering.set(declared.get(transition) ?? 'undeclared', { from, event });
    return undefined;
  });

  const values = [...found.values()]
    .filter(({ snapshot }) => snapshot.status === 'active')
    .map(({ snapshot }) => dotted(snapshot.value));
  const stuck = new Set(values.filter((value) => !left.has(value)));
  return { found, covering, broken, byEndsAlone, stuck, begunTwice, restoredOtherwise };
}

const now = 1_000_000;
const tools = {
  now,
  attempt: (_: string, sequence: number, invoke: string) => `${sequence}-${invoke}`,
  kindOf: () => 'effect' as const,
};

/**
 * A supervisor that was killed reads the record back. The runtime's own step from it comes to the same state, waits for the same and begins
 * the same effects; one that is still at work keeps its attempt.
 */
function restoresTheSame(registered: RegisteredMachine, { from, event, to, asked }: Edge): boolean {
  const ended = event.type.startsWith('xstate.after.')
    ? event.type
    : event.type.split('.').slice(3).join('.');
  const others = (ids: readonly string[]) => ids.filter((id) => id !== ended);
  const record: ActorRecord = {
    ...storedRecord(from.snapshot),
    deadlines: Object.fromEntries(others(declaredDeadlines(from.snapshot)).map((id) => [id, now + 1])),
    effects: others(declaredEffects(from.snapshot)).map((id) => ({
      id,
      src: id,
      input: {},
      attempt: `old-${id}`,
      progress: null,
    })),
  };
  const step = nextStep(registered, record, asActorEvent(event), tools);
  const after = step?.record ?? record;
  const begun = after.effects.filter(({ attempt }) => attempt.startsWith('8-'));
  const ids = (list: readonly { readonly id: string }[]) => JSON.stringify(list.map(({ id }) => id));
  const isActive = to.status === 'active';
  return (
    dotted(after.snapshot.value) === dotted(to.value) &&
    JSON.stringify(after.snapshot.context) === JSON.stringify(to.context) &&
    ids(begun) === ids(isActive ? asked.started : []) &&
    (!isActive || Object.keys(after.deadlines).every((id) => declaredDeadlines(to).includes(id)))
  );
}

/** An event as the runtime takes it: plain JSON. */
function asActorEvent(event: AnyEvent): ActorEvent {
  return JSON.parse(JSON.stringify(event));
}

/** The record that says no more than this snapshot, as it comes out of the store. */
function storedRecord({ value, context, status }: AnyMachineSnapshot): ActorRecord {
  const record = {
    id: 'it',
    machine: 'it',
    version: 1,
    sequence: 7,
    snapshot: { value, context, status },
    since: now,
    deadlines: {},
    effects: [],
  };
  return JSON.parse(JSON.stringify(record));
}

/** The key of what a record says, read back by the runtime as a new supervisor does it. */
export function keyReadBack({ machine, keyOf }: Space, snapshot: AnyMachineSnapshot): string {
  return keyOf(
    inflate(registerMachine('it', { machine, version: 1, migrations: {} }), storedRecord(snapshot)),
  );
}

/** Whether the runtime lets an event change the record that says this. */
export function changesRecord({ machine }: Space, snapshot: AnyMachineSnapshot, event: AnyEvent): boolean {
  const registered = registerMachine('it', { machine, version: 1, migrations: {} });
  return nextStep(registered, storedRecord(snapshot), asActorEvent(event), tools) !== null;
}
