import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { driveNode, type NodeDriver } from './driver.ts';
import type { AnyEvent } from './explore.ts';
import { brokenRules } from './rules.ts';
import { everythingThatCanHappen, whatComesWhenAllIsWell } from './space.ts';

/** One step of a random history: which of the things that can happen now, and how much time passes before it. */
const step = fc.record({
  pick: fc.nat({ max: 10_000 }),
  afterMs: fc.oneof(fc.constant(0), fc.nat({ max: 900_000 })),
});

/** Between two looks of a history: enough for every wait of the machine to run out. */
const longestHistory = 60;

/** The same thing, but happening now: an observation that began now, an effect that ends now. Stale ones stay stale. */
function now(event: AnyEvent, actor: NodeDriver): AnyEvent {
  const { output, at } = event;
  if (typeof output === 'object') return { ...event, output: { ...output, at: actor.now() } };
  if (typeof at === 'number' && at >= actor.context().actedAt) return { ...event, at: actor.now() };
  return event;
}

function live(
  actor: NodeDriver,
  steps: readonly { readonly pick: number; readonly afterMs: number }[],
): void {
  for (const { pick, afterMs } of steps) {
    actor.advance(afterMs);
    if (actor.status() !== 'active') return;
    const possible = everythingThatCanHappen(actor.snapshot());
    const event = possible[pick % possible.length];
    if (event !== undefined) actor.take(now(event, actor));
  }
}

function brokenIn(actor: NodeDriver): readonly string[] {
  return actor
    .history()
    .flatMap((each) => brokenRules(each).map((rule) => `${each.event} in ${each.from}: ${rule}`));
}

test('no history of facts, ends and passing time breaks a rule', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: longestHistory }), (steps) => {
      const actor = driveNode();
      live(actor, steps);
      expect(brokenIn(actor)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('after any history, once the node is Ready and effects succeed, it is healthy within two minutes, or gone for good', () => {
  // recoverRetry (10 s) and settling (30 s), each at most once; what is overdue costs no time.
  const mostMs = 120_000;
  const mostSteps = 12;
  fc.assert(
    fc.property(fc.array(step, { maxLength: longestHistory }), (steps) => {
      const actor = driveNode();
      live(actor, steps);
      fc.pre(actor.status() === 'active');
      const since = actor.now();
      let taken = 0;
      while (!['healthy', 'retired'].includes(actor.state())) {
        taken += 1;
        if (taken > mostSteps) throw new Error(`not healthy after ${mostSteps} steps, but ${actor.state()}`);
        const event = whatComesWhenAllIsWell(actor.snapshot());
        if (!actor.take(now(event, actor)))
          throw new Error(`${actor.state()} waits for ${event.type} in vain`);
      }
      expect(actor.now() - since).toBeLessThanOrEqual(mostMs);
      if (actor.state() === 'healthy')
        expect(actor.context()).toMatchObject({ tried: 0, permit: null, marked: false, failure: null });
      expect([...actor.running().keys()]).toEqual([]);
      expect([...actor.deadlines().keys()]).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('whatever is running is what the state declares: no effect and no deadline outlives its state', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: longestHistory }), (steps) => {
      const actor = driveNode();
      live(actor, steps);
      const nodes = actor.snapshot()._nodes;
      const effects = nodes.flatMap((node) => node.invoke.map(({ id }) => id));
      const waits = nodes.flatMap((node) => node.after.map(({ eventType }) => eventType));
      expect(effects).toEqual(expect.arrayContaining([...actor.running().keys()]));
      expect(waits).toEqual(expect.arrayContaining([...actor.deadlines().keys()]));
    }),
    { numRuns: 200 },
  );
});
