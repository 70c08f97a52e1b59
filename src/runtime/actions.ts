import { Failure } from '../failure.ts';
import type { ActorRecord, EffectRecord, Json } from './record.ts';
import type { ActionData } from './scope.ts';

export const NO_DEADLINES: ActorRecord['deadlines'] = Object.freeze({});
export const NO_EFFECTS: ActorRecord['effects'] = Object.freeze([]);

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

/** What the actions of one transition leave behind. */
export interface Outcome {
  readonly deadlines: ActorRecord['deadlines'];
  readonly effects: ActorRecord['effects'];
  readonly spawned: readonly SpawnRequest[];
}

const NOTHING_SPAWNED: readonly SpawnRequest[] = Object.freeze([]);

/** The deadlines, effects and spawned actors after the actions, in their order. Throws for an action that can't be made durable. */
export function carryOut(actions: readonly ActionData[], record: ActorRecord, tools: StepTools): Outcome {
  let { deadlines, effects } = record;
  let spawned = NOTHING_SPAWNED;
  for (const action of actions) {
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
        if (kind === 'machine') spawned = [...spawned, request];
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
  return { deadlines, effects: effects.length === 0 ? NO_EFFECTS : effects, spawned };
}

/** The table without one key; the shared empty one if nothing is left. */
export function without(deadlines: ActorRecord['deadlines'], id: string): ActorRecord['deadlines'] {
  const { [id]: _, ...rest } = deadlines;
  for (const _other in rest) return rest;
  return NO_DEADLINES;
}

/** The wait that a raise declares; undefined if it is raised at once. */
function waitOf({ params }: ActionData): { readonly id: string; readonly ms: number } | undefined {
  const ms = at(params, 'delay');
  const type = stringAt(at(params, 'event'), 'type');
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

function spawnOf({ params }: ActionData): SpawnRequest {
  const src = stringAt(params, 'src');
  // The resolved id is only in the actor that XState prepared; `params.id` may be a function.
  const id = stringAt(at(params, 'actorRef'), 'id');
  if (src === undefined || id === undefined) throw unsupported('spawns something that has no name');
  const input = at(params, 'input');
  return { id, machine: src, input: isJson(input) ? input : null };
}

function effectOf(
  { id, machine: src, input }: SpawnRequest,
  record: ActorRecord,
  effects: readonly EffectRecord[],
  tools: StepTools,
): EffectRecord {
  if (effects.some((effect) => effect.id === id))
    throw unsupported(`starts the effect ${id} while it still runs`);
  return { id, src, input, attempt: tools.attempt(record.id, record.sequence, id), progress: null };
}

function unsupported(what: string): Failure {
  return new Failure({ kind: 'rejected', code: 'MachineUnsupported', message: `the machine ${what}` });
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
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
