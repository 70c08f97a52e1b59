import type { AnyStateMachine } from 'xstate';

/** Beyond this, setTimeout and XState's own clock fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

type Names = 'actions' | 'actors' | 'guards' | 'delays';

/**
 * The faults of a machine that neither TypeScript nor XState sees (conventions.md, "Machines"). XState takes an unknown delay as zero,
 * skips an unknown action without a word, and drops an inline function from the exported config. Works on the config as data, so that it
 * sees what the Stately tools will see.
 */
export function lintMachine(machine: AnyStateMachine): readonly string[] {
  const faults: string[] = [];
  const used: Record<Names, Set<string>> = {
    actions: new Set(),
    actors: new Set(),
    guards: new Set(),
    delays: new Set(),
  };
  const config: unknown = machine.config;
  const { implementations } = machine;

  function named(kind: Names, name: unknown, where: string): void {
    const text = typeof name === 'string' ? name : at(name, 'type');
    if (typeof text !== 'string') return; // An inline function: found by `functionsIn`.
    used[kind].add(text);
    if (!(text in implementations[kind])) faults.push(`${where}: unknown ${kind.slice(0, -1)} ${text}`);
    if (typeof at(name, 'params') === 'function') faults.push(`${where}: params of ${text} are not data`);
  }

  function transitions(value: unknown, where: string, needs: 'target' | 'targetOrAction' | 'nothing'): void {
    for (const each of list(value)) {
      if (typeof each === 'string') {
        // Inside an array a bare string is broken into letters; alone it is right, but an object says the same and can carry a guard.
        faults.push(`${where}: ${each} is a bare string, write { target: '${each}' }`);
        continue;
      }
      if (at(each, 'guard') !== undefined) named('guards', at(each, 'guard'), where);
      for (const action of list(at(each, 'actions'))) named('actions', action, where);
      const acts = needs === 'targetOrAction' && at(each, 'actions') !== undefined;
      if (needs !== 'nothing' && !acts && at(each, 'target') === undefined)
        faults.push(`${where}: leads nowhere`);
    }
  }

  function invoke(value: unknown, where: string): void {
    const src = at(value, 'src');
    named('actors', src, where);
    if (at(value, 'id') !== src) faults.push(`${where}: the id of the invoke is not its src`);
    if (at(value, 'systemId') !== undefined) faults.push(`${where}: a systemId is taken once for all actors`);
    for (const end of ['onDone', 'onError']) {
      if (at(value, end) === undefined) faults.push(`${where}: invoke without ${end}`);
      else transitions(at(value, end), `${where} ${end}`, 'nothing');
    }
  }

  function state(value: unknown, path: readonly string[], hasSiblings: boolean, inherited: boolean): void {
    const where = path.join('.');
    if (typeof at(value, 'description') !== 'string') faults.push(`${where}: no description`);
    for (const when of ['entry', 'exit'])
      for (const action of list(at(value, when))) named('actions', action, `${where} ${when}`);
    for (const [event, each] of Object.entries(object(at(value, 'on'))))
      transitions(each, `${where} on ${event}`, 'nothing');
    for (const [delay, each] of Object.entries(object(at(value, 'after')))) {
      transitions(each, `${where} after ${delay}`, 'targetOrAction');
      if (Number.isNaN(Number(delay))) named('delays', delay, `${where} after`);
      else if (Number(delay) > LONGEST_DELAY_MS || Number(delay) < 0)
        faults.push(`${where} after ${delay}: fires at once, for it is not between 0 and 2^31-1 ms`);
    }
    transitions(at(value, 'always'), `${where} always`, 'target');
    transitions(at(value, 'onDone'), `${where} onDone`, 'nothing');
    for (const each of list(at(value, 'invoke'))) invoke(each, where);

    const leaves = inherited || (path.length > 1 && hasTarget(value));
    const inner = Object.entries(object(at(value, 'states')));
    const isFinal = at(value, 'type') === 'final' || at(value, 'type') === 'history';
    if (inner.length === 0 && !isFinal && hasSiblings && !leaves) faults.push(`${where}: no way out`);
    const siblings = at(value, 'type') === 'parallel' ? false : inner.length > 1;
    for (const [name, each] of inner) state(each, [...path, name], siblings, leaves && path.length > 1);
  }

  state(config, [machine.id], false, false);
  for (const path of functionsIn(config, [])) faults.push(`${path}: a function, which no tool can show`);
  const limit = at(at(config, 'options'), 'maxIterations');
  if (typeof limit !== 'number' || !(limit > 0 && limit <= 1_000))
    faults.push(`${machine.id}: maxIterations is not set`);
  for (const [name, delay] of Object.entries(implementations.delays))
    if (typeof delay === 'number' && !(delay >= 0 && delay <= LONGEST_DELAY_MS))
      faults.push(`delay ${name}: not between 0 and 2^31-1 ms`);

  for (const action of Object.values(implementations.actions)) {
    const src: unknown = typeof action === 'function' ? Reflect.get(action, 'src') : undefined;
    if (typeof src === 'string') used.actors.add(src);
  }
  for (const kind of ['actions', 'actors', 'guards', 'delays'] as const)
    for (const name of Object.keys(implementations[kind]))
      if (!used[kind].has(name)) faults.push(`${kind.slice(0, -1)} ${name}: used nowhere`);
  return faults;
}

/** Whether a state has a transition of its own that can lead elsewhere. */
function hasTarget(value: unknown): boolean {
  const own = [
    ...Object.values(object(at(value, 'on'))),
    ...Object.values(object(at(value, 'after'))),
    at(value, 'always'),
    at(value, 'onDone'),
    ...list(at(value, 'invoke')).flatMap((each) => [at(each, 'onDone'), at(each, 'onError')]),
  ];
  return own.flatMap(list).some((each) => typeof each === 'string' || at(each, 'target') !== undefined);
}

/** Paths of all functions but those that a config may have: the context's factory and an invoke's input. */
function functionsIn(value: unknown, path: readonly string[]): readonly string[] {
  if (typeof value === 'function') {
    const isInput = path.at(-1) === 'input' && (path.at(-2) === 'invoke' || path.at(-3) === 'invoke');
    const isContext = path.length === 1 && path[0] === 'context';
    return isInput || isContext ? [] : [path.join('.')];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => functionsIn(inner, [...path, key]));
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function list(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function object(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
