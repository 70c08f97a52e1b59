import { describe, expect, test } from '@jest/globals';
import { type AnyStateMachine, createMachine } from 'xstate';
import type { Rules, Space } from './explore.ts';
import { type Finding, findingsOf, firstBroken } from './walk.ts';

/** A defect: what is put in the place of what a machine has. */
export interface Defect {
  /** By the place in the config, named as in the file: `states.lost.states.failed.entry`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly guards?: Readonly<Record<string, unknown>>;
  readonly actions?: Readonly<Record<string, unknown>>;
}

/** Each rule finds a machine that is known to be wrong: what a walk of all paths does not find is worth what it would find. */
export function testDefects<Context>(
  space: Space,
  rules: Rules<Context>,
  defects: Readonly<Record<string, readonly Defect[]>>,
): void {
  describe('a defect that was planted is found', () => {
    test.each(
      Object.keys(rules).flatMap((rule) =>
        (defects[rule] ?? [null]).map((defect, index) => ({ rule, defect, which: index + 1 })),
      ),
    )('$rule ($which)', ({ rule, defect }) => {
      if (defect === null) throw new Error('no defect shows that this rule can find anything');
      const machine = planted(space.machine, defect);
      expect(firstBroken({ ...space, machine }, { [rule]: rules[rule] ?? (() => false) })?.rule).toBe(rule);
    });
  });
}

/** What a whole walk finds besides broken rules, in a machine that is known to be wrong. */
export function testFindings(
  space: Space,
  toldAgain: Parameters<typeof findingsOf>[1],
  defects: Readonly<Partial<Record<Finding, Defect>>>,
): void {
  describe('what is wrong with a machine as such is found', () => {
    test.each(Object.entries(defects))('%s', (finding, defect) => {
      const machine = planted(space.machine, defect);
      const sound = findingsOf(space, toldAgain);
      const found = findingsOf({ ...space, machine }, toldAgain);
      const more = (kind: Finding) => [...found[kind]].filter((each) => !sound[kind].has(each));
      expect(more(finding as Finding)).not.toEqual([]);
    });
  });
}

function planted(
  machine: AnyStateMachine,
  { config = {}, guards = {}, actions = {} }: Defect,
): AnyStateMachine {
  const changed: unknown = Object.entries(config).reduce<unknown>(
    (whole, [place, value]) => withAt(whole, place.split('.'), value),
    machine.config,
  );
  const parts = machine.implementations;
  for (const name of Object.keys({ ...guards, ...actions }))
    if (!(name in parts.guards || name in parts.actions))
      throw new Error(`the machine has no ${name} to plant a defect in`);
  return Reflect.apply(createMachine, undefined, [
    changed,
    { ...parts, guards: { ...parts.guards, ...guards }, actions: { ...parts.actions, ...actions } },
  ]);
}

function withAt(whole: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (typeof whole !== 'object' || whole === null || (rest.length > 0 && !(key in whole)))
    throw new Error(`the config has no ${key}`);
  const inner: unknown = withAt(Reflect.get(whole, key), rest, value);
  if (Array.isArray(whole)) return whole.map((each, index) => (String(index) === key ? inner : each));
  return { ...whole, [key]: inner };
}
