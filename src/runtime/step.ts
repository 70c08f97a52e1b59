import { type AnyActorScope, type AnyMachineSnapshot, type AnyStateMachine, createEmptyActor } from 'xstate';
import { Failure } from '../failure.ts';
import type { ActorRecord, EffectRecord, Json } from './record.ts';
import type { ActorEvent, MachineEntry } from './types.ts';

/** More distinct state values than any of our machines has; beyond it the oldest are made anew when needed. */
const KNOWN_VALUES = 4_096;

const NO_DEADLINES: ActorRecord['deadlines'] = Object.freeze({});
const NO_EFFECTS: ActorRecord['effects'] = Object.freeze([]);

/** A machine that takes part, with what its steps share. */
export interface RegisteredMachine extends MachineEntry {
  readonly name: string;
  /** A restored snapshot for each state value seen, by the value as text: to inflate a record is then to copy one. */
  readonly templates: Map<string, AnyMachineSnapshot>;
}

export function registerMachine(name: string, entry: MachineEntry): RegisteredMachine {
  return { ...entry, name, templates: new Map() };
}

/** What a step needs to know besides the record and the event. */
export interface StepTools {
  readonly now: number;
  /** A fresh attempt id for the effect that starts under this invoke id. */
  attempt(actor: string, sequence: number, invoke: string): string;
  /** What a `src` names. */
  kindOf(src: string): 'effect' | 'machine' | undefined;
}

/** An actor that a transition spawns. */
export interface SpawnRequest {
  readonly id: string;
  readonly machine: string;
  readonly input: Json;
}

export interface Step {
  readonly record: ActorRecord;
  readonly spawned: readonly SpawnRequest[];
}

/** One action, as XState's pure transition hands it out. */
interface ActionData {
  readonly type: string;
  readonly params: unknown;
  readonly exec: unknown;
}

// XState wants a scope in which actions are carried out. Ours is inert and shared: actions are collected as data. No step is
// ever running while another one begins, so that one list is enough.
const collected: ActionData[] = [];
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

/** The record of a new actor. Throws what the machine's context factory or first transitions throw. */
export function firstStep(registered: RegisteredMachine, id: string, input: Json, tools: StepTools): Step {
  collected.length = 0;
  const snapshot = registered.machine.getInitialSnapshot(scope, input);
  return deflate(registered, snapshot, tools, {
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
  collected.length = 0;
  const after = registered.machine.transition(before, event, scope);
  if (after === before && collected.length === 0) return null;
  return deflate(registered, after, tools, { ...record, sequence: record.sequence + 1 });
}

/** The snapshot that an active record stands for. Throws if the machine has no such state. */
export function inflate(registered: RegisteredMachine, record: ActorRecord): AnyMachineSnapshot {
  const { value, context, historyValue } = record.snapshot;
  const template = historyValue
    ? restore(registered.machine, value, historyValue)
    : templateOf(registered, value, typeof value === 'string' ? value : JSON.stringify(value));
  return { ...template, context, children: stubsOf(record.effects) };
}

function templateOf(registered: RegisteredMachine, value: Json, key: string): AnyMachineSnapshot {
  const known = registered.templates.get(key);
  if (known) return known;
  const template = restore(registered.machine, value, {});
  if (registered.templates.size >= KNOWN_VALUES) registered.templates.clear();
  registered.templates.set(key, template);
  return template;
}

function restore(machine: AnyStateMachine, value: Json, historyValue: Json): AnyMachineSnapshot {
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

const NO_STUBS = Object.freeze({});
const stubs = new Map<string, { readonly id: string }>();

/** What stands for the running effects among the snapshot's children: XState looks there to say which one stops. */
function stubsOf(effects: readonly EffectRecord[]): object {
  if (effects.length === 0) return NO_STUBS;
  const children: Record<string, { readonly id: string }> = {};
  for (const { id } of effects) {
    const stub = stubs.get(id) ?? Object.freeze({ id });
    stubs.set(id, stub);
    children[id] = stub;
  }
  return children;
}

/** Turns a snapshot and the collected actions into the next record. */
function deflate(
  registered: RegisteredMachine,
  snapshot: AnyMachineSnapshot,
  tools: StepTools,
  record: ActorRecord,
): Step {
  if (snapshot.status === 'error') throw snapshot.error;
  const active = snapshot.status === 'active';
  const { deadlines, effects, spawned } = carryOut(record, tools);
  const history = historyOf(snapshot);
  const value = shared(registered, snapshot);
  const next: ActorRecord = {
    id: record.id,
    machine: record.machine,
    version: record.version,
    sequence: record.sequence,
    snapshot: {
      value,
      context: snapshot.context,
      status: active ? 'active' : 'done',
      ...(history && { historyValue: history }),
    },
    since:
      value === record.snapshot.value || sameValue(value, record.snapshot.value) ? record.since : tools.now,
    // A done actor waits for nothing: XState calls off its timers and children too.
    deadlines: active ? deadlines : NO_DEADLINES,
    effects: active ? effects : NO_EFFECTS,
  };
  return { record: next, spawned };
}

/** One object for each state value, whoever is in it: with 100,000 actors this is memory. */
function shared(registered: RegisteredMachine, snapshot: AnyMachineSnapshot): Json {
  const { value } = snapshot;
  return typeof value === 'string' ? value : templateOf(registered, value, JSON.stringify(value)).value;
}

function sameValue(a: Json, b: Json): boolean {
  return typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b);
}

/** The recorded history as ids, or undefined if there is none. */
function historyOf(snapshot: AnyMachineSnapshot): Record<string, { id: string }[]> | undefined {
  const history: Record<string, { id: string }[]> = {};
  let some = false;
  for (const [key, nodes] of Object.entries(snapshot.historyValue)) {
    history[key] = nodes.map(({ id }) => ({ id }));
    some = true;
  }
  return some ? history : undefined;
}

/** The deadlines, effects and spawned actors after the collected actions, in their order. */
function carryOut(record: ActorRecord, tools: StepTools) {
  let { deadlines, effects } = record;
  const spawned: SpawnRequest[] = [];
  for (const action of collected) {
    switch (action.type) {
      case 'xstate.raise': {
        const wait = waitOf(action);
        if (wait) deadlines = { ...deadlines, [wait.id]: tools.now + wait.ms };
        break;
      }
      case 'xstate.cancel': {
        const id = stringAt(action.params, 'sendId');
        if (id !== undefined && id in deadlines) deadlines = without(deadlines, id);
        break;
      }
      case 'xstate.spawnChild': {
        const request = spawnOf(action);
        const kind = tools.kindOf(request.machine);
        if (kind === 'machine') spawned.push(request);
        else if (kind === 'effect') effects = [...effects, effectOf(request, record, effects, tools)];
        else throw unsupported(`spawns ${request.machine}, which is neither an effect nor a machine`);
        break;
      }
      case 'xstate.stopChild': {
        const id = stringAt(action.params, 'id');
        if (effects.some((effect) => effect.id === id))
          effects = effects.filter((effect) => effect.id !== id);
        break;
      }
      default:
        throw unsupported(
          `has the action ${action.type}, which acts by itself and would do so before it is durable`,
        );
    }
  }
  return {
    deadlines: deadlines !== NO_DEADLINES && isEmpty(deadlines) ? NO_DEADLINES : deadlines,
    effects: effects.length === 0 ? NO_EFFECTS : effects,
    spawned,
  };
}

/** The wait that a raise declares; undefined if it is raised at once. */
function waitOf(action: ActionData): { readonly id: string; readonly ms: number } | undefined {
  const { params } = action;
  const event = at(params, 'event');
  const type = stringAt(event, 'type');
  const ms = at(params, 'delay');
  if (ms === undefined) {
    if (type?.startsWith('xstate.after.'))
      throw unsupported(`has no time for ${type}, which would fire at once`);
    return undefined;
  }
  if (typeof ms !== 'number' || Number.isNaN(ms))
    throw unsupported(`gives ${String(ms)} as the time for ${type}`);
  const id = stringAt(params, 'id');
  if (id === undefined || id !== type)
    throw unsupported(`raises ${type} with a delay: declare the wait with after`);
  return { id, ms };
}

function spawnOf(action: ActionData): SpawnRequest {
  const src = stringAt(action.params, 'src');
  // The resolved id is only in the actor that XState prepared; `params.id` may be a function.
  const id = stringAt(at(action.params, 'actorRef'), 'id');
  if (src === undefined || id === undefined) throw unsupported('spawns something that has no name');
  const input = at(action.params, 'input');
  return { id, machine: src, input: isJson(input) ? input : null };
}

function effectOf(
  request: SpawnRequest,
  record: ActorRecord,
  effects: readonly EffectRecord[],
  tools: StepTools,
): EffectRecord {
  const { id, machine: src, input } = request;
  if (effects.some((effect) => effect.id === id))
    throw unsupported(`starts the effect ${id} while it still runs`);
  return { id, src, input, attempt: tools.attempt(record.id, record.sequence, id), progress: null };
}

function unsupported(what: string): Failure {
  return new Failure({ kind: 'rejected', code: 'MachineUnsupported', message: `the machine ${what}` });
}

export function without<Value>(
  table: Readonly<Record<string, Value>>,
  key: string,
): Readonly<Record<string, Value>> {
  const { [key]: _, ...rest } = table;
  return rest;
}

function isEmpty(table: object): boolean {
  for (const _ in table) return false;
  return true;
}

function at(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !(key in value)) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

function stringAt(value: unknown, key: string): string | undefined {
  const found = at(value, key);
  return typeof found === 'string' ? found : undefined;
}

/** Only what is plainly not JSON is refused: a whole check would cost more than the transition. */
function isJson(value: unknown): value is Json {
  return (
    value !== undefined &&
    typeof value !== 'function' &&
    typeof value !== 'bigint' &&
    typeof value !== 'symbol'
  );
}
