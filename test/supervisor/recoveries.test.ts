import { expect, test } from '@jest/globals';
import type { Runtime } from '../../src/runtime/types.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { currentHistory, historyOfBackup } from '../../src/supervisor/recoveries.ts';
import type { Supervisor } from '../../src/supervisor/supervisor.ts';
import { codeOf, passing } from '../backup/stage.ts';

const member = { kind: 'member' };
const backup = { kind: 'backup' };
const master = { slot: 'control-plane-0', instanceId: 'i-0' };

interface Told {
  readonly state: string;
  readonly source: object;
  readonly master?: object | null;
}

/** The history of a cluster whose recoveries, the oldest first, are in these states. */
function history(told: readonly Told[], held = true): string | null {
  const ids = told.map((_, index) => `recovery/recovery-${index}`);
  const runtime = {
    ids: () => ids,
    record: (id: string) => {
      const index = ids.indexOf(id);
      const { state, source, master: chosen = master } = told[index] ?? { state: '', source: {} };
      return { id, since: index, snapshot: { value: state, context: { source, master: chosen } } };
    },
  } as unknown as Runtime;
  const supervisor = { controlPlane: { view: () => ({ look: { held, clusterId: 'c1' } }) } };
  return currentHistory({
    supervisor: () => supervisor as unknown as Supervisor,
    runtime: () => runtime,
  });
}

test.each<[string, readonly Told[], string | null]>([
  ['without a recovery it is the cluster', [], 'c1'],
  ['what was restored from a backup is another cluster', [{ state: 'recovered', source: backup }], 'c1'],
  ['a survivor goes its own way', [{ state: 'recovered', source: member }], 'c1-recovery'],
  [
    'also if that failed later: its data may have been forced',
    [{ state: 'failed', source: member }],
    'c1-recovery',
  ],
  ['but not before it had a master', [{ state: 'failed', source: member, master: null }], 'c1'],
  ['while a recovery is at work nobody can tell', [{ state: 'startingControlPlane', source: member }], null],
  [
    'nor if one was over before',
    [
      { state: 'recovered', source: member },
      { state: 'restoringData', source: backup },
    ],
    null,
  ],
])('safety 51, 55: the history: %s', (_, told, expected) => {
  expect(history(told)).toBe(expected);
});

test('safety 51: without a quorum there is none', () => {
  expect(history([], false)).toBeNull();
});

test('a backup waits for a history for a while, and fails if there is none', async () => {
  const clock = createVirtualClock();
  const { signal } = new AbortController();
  let now: string | null = null;
  clock.after(4_000, () => {
    now = 'c1';
  });
  expect(
    await passing(clock, historyOfBackup({ history: () => now, recovering: () => false }, clock, signal)),
  ).toBe('c1');
  const began = clock.now();
  expect(
    await codeOf(
      passing(clock, historyOfBackup({ history: () => null, recovering: () => false }, clock, signal)),
    ),
  ).toBe('NoHealthyMember');
  expect(clock.now() - began).toBe(15_000);
});

test('a backup that is wanted while data is being brought back is taken as soon as that is over', async () => {
  const clock = createVirtualClock();
  const { signal } = new AbortController();
  const over = clock.now() + 120_000;
  const recovering = () => clock.now() < over;
  const history = () => (recovering() ? null : 'c1');
  expect(await passing(clock, historyOfBackup({ history, recovering }, clock, signal))).toBe('c1');
  expect(clock.now() - over).toBeLessThan(1_000);
});
