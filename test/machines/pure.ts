import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  createEmptyActor,
} from 'xstate';

/** What one pure transition asked for, in the runtime's words (design.md section 3). */
export interface Asked {
  /** Deadlines armed, by the id of the delayed event: in how many ms. */
  readonly armed: ReadonlyMap<string, number>;
  readonly calledOff: readonly string[];
  /** Effects started, in order. */
  readonly started: readonly { readonly id: string; readonly src: string; readonly input: unknown }[];
}

interface CollectedAction {
  readonly type: string;
  readonly params: unknown;
}

const collected: CollectedAction[] = [];
const self: AnyActorRef = createEmptyActor();
const scope = {
  self,
  id: '',
  sessionId: '',
  system: self.system,
  logger() {},
  defer() {},
  stopChild() {},
  emit() {},
  actionExecutor: (action: CollectedAction): void => {
    collected.push(action);
  },
};

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function asked(): Asked {
  const armed = new Map<string, number>();
  const calledOff: string[] = [];
  let started: { id: string; src: string; input: unknown }[] = [];
  for (const { type, params } of collected) {
    if (type === 'xstate.raise') armed.set(String(field(params, 'id')), Number(field(params, 'delay')));
    else if (type === 'xstate.cancel') {
      calledOff.push(String(field(params, 'sendId')));
      armed.delete(String(field(params, 'sendId')));
    } else if (type === 'xstate.spawnChild') {
      const id = String(field(field(params, 'actorRef'), 'id'));
      started.push({ id, src: String(field(params, 'src')), input: field(params, 'input') });
    } else if (type === 'xstate.stopChild') {
      // What a state begins that is only passed through is never begun.
      const stopped = String(field(params, 'id'));
      started = started.filter(({ id }) => id !== stopped);
    } else {
      throw new Error(`the machine has the action ${type}, which is not data`);
    }
  }
  collected.length = 0;
  return { armed, calledOff, started };
}

/** The machine's first snapshot, without a live actor. */
export function begin(machine: AnyStateMachine, input: unknown) {
  collected.length = 0;
  const snapshot: AnyMachineSnapshot = machine.getInitialSnapshot(scope, input);
  if (snapshot.status === 'error') throw snapshot.error;
  return { snapshot, asked: asked() };
}

/** One pure transition. The same snapshot object comes back if the event changed nothing. */
export function take(
  machine: AnyStateMachine,
  before: AnyMachineSnapshot,
  event: { readonly type: string },
): { readonly snapshot: AnyMachineSnapshot; readonly asked: Asked } {
  collected.length = 0;
  const snapshot: AnyMachineSnapshot = machine.transition(before, event, scope);
  if (snapshot.status === 'error') throw snapshot.error;
  // Children are inert actors that XState prepared: they would only be carried along.
  return { snapshot: snapshot === before ? before : { ...snapshot, children: {} }, asked: asked() };
}

/** Ids of the effects that the snapshot's states declare: those that run while it is in them. */
export function declaredEffects(snapshot: AnyMachineSnapshot): readonly string[] {
  return snapshot._nodes.flatMap((node) => node.invoke.map((invoke) => invoke.id));
}

/** Ids of the delayed events that the snapshot's states declare. */
export function declaredDeadlines(snapshot: AnyMachineSnapshot): readonly string[] {
  return snapshot._nodes.flatMap((node) => node.after.map((transition) => transition.eventType));
}

/** `{ repairing: { rebooting: 'acting' } }` as `repairing.rebooting.acting`. */
export function dotted(value: unknown): string {
  if (typeof value === 'string') return value;
  return Object.entries(value ?? {})
    .map(([key, inner]) => `${key}.${dotted(inner)}`)
    .join(' & ');
}

/** All state nodes, the root first. */
export function stateNodes(machine: AnyStateMachine): readonly AnyStateNode[] {
  const below = (node: AnyStateNode): readonly AnyStateNode[] => [
    node,
    ...Object.values(node.states).flatMap(below),
  ];
  return below(machine.root);
}

/** The snapshots that one event leads through: after its own transition, and after each eventless one. */
export function microsteps(
  machine: AnyStateMachine,
  before: AnyMachineSnapshot,
  event: { readonly type: string },
): readonly AnyMachineSnapshot[] {
  const steps: readonly AnyMachineSnapshot[] = machine.microstep(before, event, scope);
  collected.length = 0;
  return steps;
}
