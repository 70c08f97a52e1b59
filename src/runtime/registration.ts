import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type { MachineEntry } from './types.ts';

/** Actions that the runtime can carry out as data. Others act at once, before anything is durable. */
const SUPPORTED_ACTIONS: ReadonlySet<unknown> = new Set([
  'xstate.assign',
  'xstate.raise',
  'xstate.cancel',
  'xstate.spawnChild',
  'xstate.stopChild',
  'xstate.enqueueActions',
]);

/**
 * What is wrong with a machine that is to be run durably, in words; empty if nothing is. These are faults that XState lets pass and
 * that would hurt later: an unknown delay fires at once, an unknown action is skipped, an error that nobody handles ends the actor.
 */
export function faultsOf(name: string, entry: MachineEntry, known: ReadonlySet<string>): readonly string[] {
  const { machine } = entry;
  const faults: string[] = [];
  const fault = (where: string, what: string) => faults.push(`machine ${name}, ${where}: ${what}`);
  if (!Number.isInteger(entry.version) || entry.version < 1)
    fault('version', 'must be a whole number from 1');
  if (!Number.isFinite(machine.options.maxIterations)) {
    fault('options', 'maxIterations must be set, or a loop of transitions never ends');
  }
  for (const node of nodesOf(machine.root)) {
    const say = (what: string) => fault(`state ${node.id}`, what);
    for (const delay of Object.keys(node.config.after ?? {})) {
      if (Number.isNaN(Number(delay)) && !has(machine.implementations.delays, delay)) {
        say(`unknown delay ${delay}, which would fire at once`);
      }
    }
    checkInvokes(node, machine, known, say);
    for (const action of actionsOf(node)) checkAction(action, machine, say);
    for (const guard of guardsOf(node)) {
      const guardName = nameOf(guard);
      if (guardName !== undefined && !has(machine.implementations.guards, guardName)) {
        say(`unknown guard ${guardName}`);
      }
    }
  }
  return faults;
}

function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

function checkInvokes(
  node: AnyStateNode,
  machine: AnyStateMachine,
  known: ReadonlySet<string>,
  say: (what: string) => void,
): void {
  for (const invoke of node.invoke) {
    const { src } = invoke;
    if (typeof src !== 'string' || !known.has(src)) say(`invokes ${String(src)}, which is no effect`);
    else if (!has(machine.implementations.actors, src)) say(`invokes ${src}, which its setup does not name`);
    if (invoke.systemId !== undefined) say('systemId is not supported: it must be unique over all actors');
    if (!('onError' in invoke)) say(`invoke ${invoke.id} has no onError: its failure would end the actor`);
  }
}

function checkAction(action: unknown, machine: AnyStateMachine, say: (what: string) => void): void {
  const name = nameOf(action);
  const resolved: unknown = name === undefined ? action : pick(machine.implementations.actions, name);
  const type = pick(resolved, 'type');
  if (resolved === undefined) {
    say(`unknown action ${name}`);
  } else if (!SUPPORTED_ACTIONS.has(type)) {
    say(
      `action ${name ?? String(type)} acts by itself: only assign, raise, cancel, spawnChild and stopChild`,
    );
  } else if (type === 'xstate.raise' && pick(resolved, 'delay') !== undefined) {
    say(`action ${name ?? 'raise'} raises with a delay: declare the wait with after`);
  }
}

/** The actions that were written down: `node.entry` also holds those that XState makes of `after`. */
function actionsOf(node: AnyStateNode): readonly unknown[] {
  const transitions = [...node.transitions.values()].flat();
  return [
    ...list(node.config.entry),
    ...list(node.config.exit),
    ...[...transitions, ...(node.always ?? [])].flatMap((transition) => list(transition.actions)),
  ];
}

function guardsOf(node: AnyStateNode): readonly unknown[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])].flatMap(({ guard }) =>
    list(guard),
  );
}

/** The name by which an action or a guard is referred to; undefined if it stands there itself. */
function nameOf(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference;
  if (typeof reference !== 'object' || reference === null || !('type' in reference)) return undefined;
  return typeof reference.type === 'string' ? reference.type : undefined;
}

function list(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

function has(table: unknown, name: string): boolean {
  return pick(table, name) !== undefined;
}

function pick(table: unknown, name: string): unknown {
  if (table === null || (typeof table !== 'object' && typeof table !== 'function')) return undefined;
  return Object.getOwnPropertyDescriptor(table, name)?.value;
}
