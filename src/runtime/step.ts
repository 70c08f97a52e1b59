import type { AnyMachineSnapshot } from 'xstate';
import { carryOut, NO_DEADLINES, NO_EFFECTS, type SpawnRequest, type StepTools } from './actions.ts';
import { withFastAssigns } from './fast-assign.ts';
import type { ActorRecord, EffectRecord, Json } from './record.ts';
import { initialOf, restored, type Transitioned, transitionOf } from './scope.ts';
import type { ActorEvent, MachineEntry } from './types.ts';

/** More distinct state values than any of our machines has; beyond it they are made anew when needed. */
const KNOWN_VALUES = 4_096;

/** A machine that takes part, with what its steps share. */
export interface RegisteredMachine extends MachineEntry {
  readonly name: string;
  /** A restored snapshot for each state value seen, by the value as text: to inflate a record is then to copy one. */
  readonly templates: Map<string, AnyMachineSnapshot>;
}

export function registerMachine(name: string, entry: MachineEntry): RegisteredMachine {
  return { ...entry, machine: withFastAssigns(entry.machine), name, templates: new Map() };
}

export interface Step {
  readonly record: ActorRecord;
  readonly spawned: readonly SpawnRequest[];
}

/** The record of a new actor. Throws what the machine's context factory or first transitions throw. */
export function firstStep(registered: RegisteredMachine, id: string, input: Json, tools: StepTools): Step {
  const done = initialOf(registered.machine, input);
  if (done.snapshot.status === 'error') throw done.snapshot.error;
  return deflate(registered, done, plainJson(done.snapshot.context), 0, tools, {
    id,
    machine: registered.name,
    version: registered.version,
    sequence: 0,
    snapshot: { value: null, context: null, status: 'active' },
    since: tools.now,
    deadlines: NO_DEADLINES,
    effects: NO_EFFECTS,
  });
}

/**
 * The record after `event`, or null if the machine ignores it. `record` may already be without the deadline or the effect that the
 * event came from. Throws if the machine does, or if it asks for what the runtime can't do durably; the record is then unharmed.
 */
export function nextStep(
  registered: RegisteredMachine,
  record: ActorRecord,
  event: ActorEvent,
  tools: StepTools,
): Step | null {
  if (record.snapshot.status !== 'active') return null;
  const before = inflate(registered, record);
  const done = transitionOf(registered.machine, before, event);
  if (done.snapshot === before && done.actions.length === 0) return null;
  if (done.snapshot.status === 'error') throw done.snapshot.error;
  return deflate(registered, done, done.snapshot.context, record.sequence + 1, tools, record);
}

/** The snapshot that an active record stands for. Throws if the machine has no such state. */
export function inflate(
  registered: RegisteredMachine,
  { snapshot, effects }: ActorRecord,
): AnyMachineSnapshot {
  const { value, context, historyValue } = snapshot;
  const template = historyValue
    ? restored(registered.machine, value, historyValue)
    : templateOf(registered, value);
  return { ...template, context, children: stubsOf(effects) };
}

function templateOf(registered: RegisteredMachine, value: Json): AnyMachineSnapshot {
  const key = typeof value === 'string' ? value : JSON.stringify(value);
  const known = registered.templates.get(key);
  if (known) return known;
  const template = restored(registered.machine, value, {});
  if (registered.templates.size >= KNOWN_VALUES) registered.templates.clear();
  registered.templates.set(key, template);
  return template;
}

const NO_STUBS = Object.freeze({});

/** What stands for the running effects among the snapshot's children: XState looks there to say which one stops. */
function stubsOf(effects: readonly EffectRecord[]): object {
  if (effects.length === 0) return NO_STUBS;
  return Object.fromEntries(effects.map(({ id }) => [id, { id }]));
}

/** Turns a snapshot and its actions into the next record. */
function deflate(
  registered: RegisteredMachine,
  { snapshot, actions }: Transitioned,
  context: Json,
  sequence: number,
  tools: StepTools,
  record: ActorRecord,
): Step {
  const { deadlines, effects, spawned } = carryOut(actions, { ...record, sequence }, tools);
  const active = snapshot.status === 'active';
  // One object for each state value, whoever is in it: with 100,000 actors this is memory.
  const { value } = typeof snapshot.value === 'string' ? snapshot : templateOf(registered, snapshot.value);
  const status = active ? 'active' : 'done';
  const history = historyOf(snapshot);
  const next: ActorRecord = {
    id: record.id,
    machine: record.machine,
    version: record.version,
    sequence,
    snapshot: history ? { value, context, status, historyValue: history } : { value, context, status },
    since: isSame(value, record.snapshot.value) ? record.since : tools.now,
    // A done actor waits for nothing: XState calls off its timers and children too.
    deadlines: active ? deadlines : NO_DEADLINES,
    effects: active ? effects : NO_EFFECTS,
  };
  return { record: next, spawned };
}

function isSame(value: Json, other: Json): boolean {
  if (value === other) return true;
  // A value that was read from the store is not the shared object.
  return (
    typeof value === 'object' && typeof other === 'object' && JSON.stringify(value) === JSON.stringify(other)
  );
}

/** The recorded history as ids, or undefined if there is none. */
function historyOf(snapshot: AnyMachineSnapshot): Record<string, { id: string }[]> | undefined {
  let history: Record<string, { id: string }[]> | undefined;
  for (const key in snapshot.historyValue) {
    history ??= {};
    history[key] = snapshot.historyValue[key]?.map(({ id }) => ({ id })) ?? [];
  }
  return history;
}

/** As it would come back from the store: what JSON can't hold shows at once, and V8 lays it out most compactly. */
function plainJson(context: unknown): Json {
  return JSON.parse(JSON.stringify(context));
}
