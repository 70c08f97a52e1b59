import { beforeAll, describe, expect, test } from '@jest/globals';
import type { AnyMachineSnapshot } from 'xstate';
import { drive } from './driver.ts';
import {
  type AnyEvent,
  declaredTransitions,
  explore,
  type Found,
  pathTo,
  type Rules,
  type Space,
  startOf,
} from './explore.ts';
import { dotted, stateNodes, take } from './pure.ts';
import { changesRecord, keyReadBack, type Walk, walk } from './walk.ts';

/** What is to hold on all paths of one machine, and where it is as it is with a reason. */
export interface Paths<Context> {
  readonly space: Space;
  readonly rules: Rules<Context>;
  /** How many states the space has: more than the first, fewer than the second. */
  readonly size: readonly [number, number];
  /** Transitions that nothing can take, each with the reason why it stands there all the same. */
  readonly unreachable: Readonly<Record<string, string>>;
  /** States in which nothing ever stays: something eventless always leads on. */
  readonly passedThrough: readonly string[];
  /** A watch tells it until the actor knows it. */
  readonly toldAgain: (event: AnyEvent) => boolean;
  /** States with no way out but an effect's end or a person's word, each with its reason. */
  readonly patient: Readonly<Record<string, string>>;
  /** `state: event` that begins an effect anew although it is at work, each with its reason. */
  readonly beginsAnew: Readonly<Record<string, string>>;
  /** Once all is well, every state leads there within so many steps. */
  readonly home: {
    readonly states: readonly string[];
    readonly next: (snapshot: AnyMachineSnapshot) => AnyEvent;
    readonly mostSteps: number;
  };
}

/** The tests that every machine's paths have in common. Returns the walk, for those that only this machine has. */
export function testPaths<Context>(paths: Paths<Context>): () => Walk {
  const { space, rules, home } = paths;
  const { machine, keyOf } = space;
  let done: Walk;
  beforeAll(() => {
    done = walk(space, rules, paths.toldAgain);
  }, 60_000);

  test('the space is bounded, and large enough to mean something', () => {
    expect(done.found.size).toBeGreaterThan(paths.size[0]);
    expect(done.found.size).toBeLessThan(paths.size[1]);
  });

  test('every transition that the machine declares is taken on some path', () => {
    const names = [...declaredTransitions(machine).values()].sort();
    const missing = names.filter((name) => !done.covering.has(name));
    expect(missing).toEqual(Object.keys(paths.unreachable).sort());
  });

  test('every state is come to on some path', () => {
    const values = new Set([...done.found.values()].map(({ snapshot }) => dotted(snapshot.value)));
    const leaves = stateNodes(machine)
      .filter((node) => Object.keys(node.states).length === 0)
      .map((node) => node.path.join('.'));
    expect([...values].sort()).toEqual(leaves.filter((path) => !paths.passedThrough.includes(path)).sort());
  });

  test('each covering path, walked by the rules of the runtime, ends where the graph says', () => {
    const inputOf = new Map<string, object>();
    for (const input of space.inputs)
      explore({ ...space, inputs: [input] }, ({ from }) => {
        inputOf.set(startOf(from).key, input);
        return 'enough';
      });
    for (const [name, { from, event }] of done.covering) {
      const actor = drive<Context, AnyEvent>(machine, inputOf.get(startOf(from).key) ?? {});
      for (const each of pathTo(from))
        if (!actor.take(each)) throw new Error(`${name}: ${each.type} is not due`);
      expect(keyOf(actor.snapshot())).toBe(from.key);
      // An end comes only from an effect that runs, a deadline only if it is armed.
      expect({ name, taken: actor.take(event) }).toEqual({ name, taken: true });
    }
  });

  describe('what must never happen happens on no path', () => {
    test.each(Object.keys(rules))('%s', (rule) => {
      expect(done.broken.get(rule) ?? 'never').toBe('never');
    });
  });

  test('no state is without a way out: a deadline, or a fact that is told until it is known', () => {
    expect([...done.stuck].sort()).toEqual(Object.keys(paths.patient).sort());
  });

  test('no effect is begun anew while it is at work', () => {
    expect([...done.begunTwice].sort()).toEqual(Object.keys(paths.beginsAnew).sort());
  });

  test('read back from its record at any moment, it goes on as if nothing had been', () => {
    expect([...done.restoredOtherwise]).toEqual([]);
    for (const { key, snapshot } of done.found.values())
      if (snapshot.status === 'active') expect(keyReadBack(space, snapshot)).toBe(key);
  });

  test('what is final stays as it is, whatever happens', () => {
    for (const { snapshot } of done.found.values()) {
      if (snapshot.status === 'active') continue;
      for (const event of space.possible(snapshot)) {
        expect({
          state: snapshot.value,
          by: event.type,
          changed: changesRecord(space, snapshot, event),
        }).toEqual({
          state: snapshot.value,
          by: event.type,
          changed: false,
        });
      }
    }
  });

  test('the ends of effects alone lead round in no circle: each circle needs time or a new fact', () => {
    const past = new Set<string>();
    const onPath = new Set<string>();
    const follow = (key: string): void => {
      if (onPath.has(key)) throw new Error(`a livelock through ${key}`);
      if (past.has(key)) return;
      onPath.add(key);
      for (const next of done.byEndsAlone.get(key) ?? []) follow(next);
      onPath.delete(key);
      past.add(key);
    };
    for (const key of done.byEndsAlone.keys()) follow(key);
    expect(past.size).toBeGreaterThan(10);
  });

  test(`no state is a trap: once all is well and effects succeed, each leads to ${home.states.join(' or ')} within a few steps`, () => {
    // Thousands of states share their way home: each step is taken once.
    const next = new Map<string, AnyMachineSnapshot>();
    for (const { key, snapshot } of done.found.values()) wayHome(key, snapshot, next);
  });

  function wayHome(key: string, from: AnyMachineSnapshot, next: Map<string, AnyMachineSnapshot>): void {
    const events: string[] = [];
    let at = from;
    while (at.status === 'active' && !home.states.includes(dotted(at.value))) {
      const event = home.next(at);
      events.push(event.type);
      if (events.length > home.mostSteps) throw new Error(`${key} is not home after ${events.join(' > ')}`);
      const step = `${keyOf(at)} ${event.type}`;
      at = next.get(step) ?? take(machine, at, event).snapshot;
      next.set(step, at);
    }
  }

  return () => done;
}

/** What is final in a space, by its key. */
export function finals({ found }: Walk): readonly Found[] {
  return [...found.values()].filter(({ snapshot }) => snapshot.status !== 'active');
}
