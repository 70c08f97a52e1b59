/**
 * A machine's config as plain data, and its transitions as a flat list. Nothing here knows XState: what the tools are given is what a
 * reader of the JSON has.
 */

/** What the writers need of a machine. */
export interface MachineToShow {
  readonly name: string;
  /** `machine.config`. */
  readonly config: object;
  /** By the delay's name: its default, in ms. */
  readonly delaysMs: Readonly<Record<string, number>>;
}

/** One transition, with its ends as paths from the root (`repairing.rebooting.acting`; the root itself is the empty path). */
export interface TransitionData {
  readonly source: string;
  /** Null: it leads nowhere, and only its actions happen. */
  readonly target: string | null;
  readonly cause:
    | { readonly kind: 'event'; readonly name: string }
    | { readonly kind: 'after'; readonly delay: string }
    | { readonly kind: 'always' }
    /** Its inner states have come to their end. */
    | { readonly kind: 'finished' }
    | { readonly kind: 'done' | 'failed'; readonly effect: string };
  readonly guard: string | null;
  readonly actions: readonly string[];
}

export interface StateData {
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly isFinal: boolean;
  readonly isParallel: boolean;
  /** Name of the inner state that it starts in, or null. */
  readonly initial: string | null;
  readonly states: readonly StateData[];
  readonly transitions: readonly TransitionData[];
}

/** The config without its functions (the context's factory, the inputs of invokes), as JSON has it. */
export function asData(config: object): object {
  const data: unknown = JSON.parse(JSON.stringify(config));
  return objectOf(data);
}

/** The root state of a config. Throws if a target names no state. */
export function readMachine(config: object): StateData {
  const data = asData(config);
  const root = readState(data, '', stringOf(field(data, 'id')), stringOf(field(data, 'id')));
  const paths = new Set(allStates(root).map(({ path }) => path));
  for (const { source, target } of allTransitions(root))
    if (target !== null && !paths.has(target))
      throw new Error(`${source || 'the root'} leads to no state: ${target}`);
  return root;
}

/** A state and all below it, from the outside in. */
export function allStates(state: StateData): readonly StateData[] {
  return [state, ...state.states.flatMap(allStates)];
}

export function allTransitions(state: StateData): readonly TransitionData[] {
  return allStates(state).flatMap(({ transitions }) => transitions);
}

function readState(data: object, path: string, name: string, rootId: string): StateData {
  const inner = Object.entries(objectOf(field(data, 'states')));
  const initial = field(data, 'initial');
  return {
    path,
    name,
    description: stringOf(field(data, 'description')),
    isFinal: field(data, 'type') === 'final',
    isParallel: field(data, 'type') === 'parallel',
    initial: typeof initial === 'string' ? initial : null,
    states: inner.map(([key, each]) => readState(objectOf(each), join(path, key), key, rootId)),
    transitions: readTransitions(data, path, rootId),
  };
}

function readTransitions(data: object, source: string, rootId: string): readonly TransitionData[] {
  const read = (value: unknown, cause: TransitionData['cause']): readonly TransitionData[] =>
    listOf(value).map((each) => {
      const to = typeof each === 'string' ? each : field(each, 'target');
      return {
        source,
        target: typeof to === 'string' ? resolve(to, source, rootId) : null,
        cause,
        guard: nameOf(field(each, 'guard')),
        actions: listOf(field(each, 'actions')).flatMap((action) => nameOf(action) ?? []),
      };
    });
  return [
    ...Object.entries(objectOf(field(data, 'on'))).flatMap(([name, each]) =>
      read(each, { kind: 'event', name }),
    ),
    ...Object.entries(objectOf(field(data, 'after'))).flatMap(([delay, each]) =>
      read(each, { kind: 'after', delay }),
    ),
    ...read(field(data, 'always'), { kind: 'always' }),
    ...read(field(data, 'onDone'), { kind: 'finished' }),
    ...listOf(field(data, 'invoke')).flatMap((invoke) => {
      const effect = stringOf(field(invoke, 'src'));
      return [
        ...read(field(invoke, 'onDone'), { kind: 'done', effect }),
        ...read(field(invoke, 'onError'), { kind: 'failed', effect }),
      ];
    }),
  ];
}

/** `#node.held` is absolute, `.joining` an inner state, anything else a state beside the source. */
function resolve(target: string, source: string, rootId: string): string {
  if (target === `#${rootId}`) return '';
  if (target.startsWith(`#${rootId}.`)) return target.slice(rootId.length + 2);
  if (target.startsWith('.')) return join(source, target.slice(1));
  return join(source.split('.').slice(0, -1).join('.'), target);
}

export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

export function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

export function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function nameOf(value: unknown): string | null {
  const name = typeof value === 'string' ? value : field(value, 'type');
  return typeof name === 'string' ? name : null;
}
