import { expect, test } from '@jest/globals';
import type { CloudTimes } from './cloud-busy.ts';
import { type OwnTimeInput, ownTime } from './own-time.ts';
import type { DeskLine, StateChange } from './story.ts';

const policy = { suspectMs: 4_000, kubeletWaitMs: 12_000, rebootWaitMs: 20_000, drainMs: 10_000 };
const slot = 'workers-0';

/** States with the times at which they are entered. */
const story = (...entries: readonly (readonly [number, string, string?])[]): readonly StateChange[] =>
  entries.map(([at, to, event = 'x'], index) => ({
    at,
    actor: slot,
    from: entries[index - 1]?.[1] ?? 'healthy',
    to,
    event,
    node: null,
    failure: null,
  }));
const cloud = (busy: CloudTimes['busy'] = [], boot: number | null = null): CloudTimes => ({
  busy,
  lastBoot: (until) => (boot !== null && boot <= until ? boot : null),
});
const measure = (changes: readonly StateChange[], rest: Partial<OwnTimeInput>) =>
  ownTime({
    slot,
    changes,
    desk: [],
    cloud: cloud(),
    policy,
    visibleAt: 1_000,
    readyAt: 0,
    kubeletRestartAt: null,
    away: [],
    ...rest,
  });

const restart = story(
  [1_030, 'suspect'],
  [5_040, 'repairing.restartingKubelet.admitting'],
  [5_060, 'repairing.restartingKubelet.acting'],
  [6_000, 'repairing.restartingKubelet.awaitingReady'],
  [7_100, 'recovering.clearing'],
  [7_150, 'settling'],
);

test('a repair without a hitch: only what wdrip itself took is its own', () => {
  const { ownMs, parts } = measure(restart, { readyAt: 7_000, kubeletRestartAt: 5_100 });
  // 30 to see it, 10 beyond suspicion, 20 for the permit, 40 to the call, 100 from Ready to recovering, 50 to lift the marks.
  expect(ownMs).toBe(30 + 10 + 20 + 40 + 100 + 50);
  expect(parts[0]).toEqual({ what: 'Ready, and still repairing.restartingKubelet.awaitingReady', ms: 100 });
});

test('a suspicion that ends late is counted from its deadline on', () => {
  const late = restart.map((each) => (each.at > 1_030 ? { ...each, at: each.at + 3_000 } : each));
  expect(measure(late, { readyAt: 10_000, kubeletRestartAt: 8_100 }).ownMs).toBe(250 + 3_000);
});

test('a wait for Ready that runs out is declared; what the cloud does is its own, gaps between are wdrip', () => {
  const climb = story(
    [1_000, 'suspect'],
    [5_000, 'repairing.rebooting.admitting'],
    [5_000, 'repairing.rebooting.draining'],
    [5_900, 'repairing.rebooting.acting'],
    // Called at 6,000; runs again at 7,000; seen at 7,300.
    [7_300, 'repairing.rebooting.awaitingReady'],
    [27_300, 'repairing.rebooting.acting'],
    // Called at 27,350; boots at 28,000 and is Ready at 30,000.
    [28_200, 'repairing.rebooting.awaitingReady'],
    [30_010, 'recovering.clearing'],
    [30_020, 'settling'],
  );
  const busy = [
    { from: 6_000, to: 7_000 },
    { from: 27_350, to: 28_000 },
  ];
  const { ownMs } = measure(climb, { readyAt: 30_000, cloud: cloud(busy, 28_000) });
  expect(ownMs).toBe(100 + 300 + 50 + 20);
});

test('while a rule holds the permit it is a declared wait, up to the move of whoever was waited for', () => {
  const held = story(
    [1_000, 'suspect'],
    [5_000, 'repairing.rebooting.admitting'],
    [9_000, 'recovering.clearing'],
    [9_000, 'settling'],
  );
  const desk: readonly DeskLine[] = [
    { at: 5_010, slot, rung: 'rebooting', rule: 'budget' },
    { at: 8_900, slot, rung: 'rebooting', rule: null },
  ];
  const other: StateChange = {
    at: 8_400,
    actor: 'workers-1',
    from: 'recovering.clearing',
    to: 'settling',
    event: 'x',
    node: null,
    failure: null,
  };
  expect(measure([...held.slice(0, 2), other, ...held.slice(2)], { readyAt: 9_000, desk }).ownMs).toBe(
    10 + 500 + 100,
  );
  expect(measure(held, { readyAt: 9_000, desk }).ownMs).toBe(10 + 100);
});

test('a rule that is no declared wait excuses nothing', () => {
  const held = story(
    [1_000, 'suspect'],
    [5_000, 'repairing.rebooting.admitting'],
    [9_000, 'recovering.clearing'],
    [9_000, 'settling'],
  );
  const desk: readonly DeskLine[] = [{ at: 5_000, slot, rung: 'rebooting', rule: 'cloudUnseen' }];
  expect(measure(held, { readyAt: 9_000, desk }).ownMs).toBe(4_000);
});

test('while the supervisor is away nothing is its own, but all of it after Ready otherwise', () => {
  const away = [{ from: 5_050, to: 7_000 }];
  expect(measure(restart, { readyAt: 7_000, away }).ownMs).toBe(30 + 10 + 10 + 100 + 50);
  expect(measure(restart, { readyAt: 1_000 }).ownMs).toBe(6_150);
});

test('a recovery that the scenario sees a moment later than wdrip did ends no later', () => {
  const after = [...restart, ...story([10_150, 'healthy'])].map((each, index) =>
    index === restart.length ? { ...each, from: 'settling' } : each,
  );
  expect(measure(after, { readyAt: 7_151, kubeletRestartAt: 5_100 }).ownMs).toBe(30 + 10 + 20 + 40);
});
