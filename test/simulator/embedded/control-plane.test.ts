import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createVirtualClock, type VirtualClock } from '../../../src/runtime/virtual-clock.ts';
import { EmbeddedCluster } from '../../../src/simulator/embedded/cluster.ts';
import { Outages } from '../../../src/simulator/embedded/outages.ts';
import { createPacedClock } from '../../../src/simulator/embedded/paced-clock.ts';
import { breakQuorum, quorumBreakages } from '../../../src/simulator/embedded/quorum-breakages.ts';
import { quorumFaults } from '../../../src/simulator/faults.ts';
import { type ControlPlaneView, controlPlaneView } from '../../../src/supervisor/control-plane-view.ts';

let wall: VirtualClock;
let cluster: EmbeddedCluster;
let outages: Outages;

/** One cluster for all, as for a person: each test leaves it healthy. The wall stands still: the cluster's time passes by itself. */
beforeAll(async () => {
  wall = createVirtualClock(Date.UTC(2026, 0, 5));
  cluster = new EmbeddedCluster({ clock: createPacedClock(wall, 1), wall, seed: 1 });
  outages = new Outages(cluster);
  await cluster.start();
});
afterAll(() => cluster.stop());

let toldBefore = 0;
beforeEach(() => {
  toldBefore = cluster.chronicle.count;
});

const lookMs = 500;
const view = (): ControlPlaneView | null => {
  const current = cluster.supervisor();
  return current === null ? null : controlPlaneView(current);
};
const isWell = () =>
  view()?.state === 'healthy' &&
  cluster
    .supervisor()
    ?.supervisor.fleet.all()
    .every(({ state }) => state === 'healthy') === true;
const story = () =>
  cluster.chronicle
    .newest(400)
    .flatMap(({ number, text, slot }) =>
      number > toldBefore ? [`${slot === null ? '' : `${slot}: `}${text}`] : [],
    );

/** Lets time pass until it is so; the time that it took, in ms. `seen` is shown every look. */
async function until(
  condition: () => boolean,
  minutes: number,
  seen: () => void = () => {},
): Promise<number> {
  for (let passed = 0; passed <= minutes * 60_000; passed += lookMs) {
    seen();
    if (condition()) return passed;
    await cluster.clock.skip(lookMs);
  }
  throw new Error(`not in ${minutes} minutes: ${JSON.stringify(view())}\n${story().join('\n')}`);
}
function press(id: string, picked: string | null = null): string | null {
  const breakage = quorumBreakages.find((each) => each.id === id);
  if (breakage === undefined) throw new Error(id);
  return breakQuorum(cluster, outages, breakage, picked);
}

describe('what breaks etcd and its backups', () => {
  test('every such fault of the simulator has its button', () => {
    expect(quorumBreakages.map(({ id }) => id)).toEqual([...quorumFaults]);
  });

  // Each with what its story must say, so that the button shows what its hint promises.
  test.each([
    ['etcdStopped', /^control-plane-2: etcd: restarted there/],
    ['etcdFrozen', /^control-plane-2: etcd: restarted there/],
    ['etcdWiped', /^control-plane-2: etcd: joins as a learner/],
    ['etcdCorrupt', /^control-plane-2: etcd: takes the member out/],
    ['etcdFull', /^control-plane-2: etcd: the store is full/],
    ['mastersStoppedTogether', /^etcd: the quorum is back, and nothing had to be restored/],
    ['mastersLostTogether', /^recovery: begins, from the data that survived on control-plane-0/],
    ['mastersAllLost', /^recovery: begins, from the backup backup-\d+ in cn-simulated/],
  ])('%s heals, by what the button says', async (id, saying) => {
    press(id, 'control-plane-2');
    await until(() => !isWell(), 1);
    await until(isWell, 8);
    expect(story()).toEqual(expect.arrayContaining([expect.stringMatching(saying)]));
    expect(view()).toMatchObject({ healthy: 3, steps: [], leader: expect.stringMatching(/^control-plane-/) });
  });

  test('the way back from the loss of all masters is shown step by step, also when the supervisor is killed on it', async () => {
    press('mastersAllLost');
    const seen: string[] = [];
    let all: readonly string[] = [];
    let kills = 0;
    const look = () => {
      const steps = view()?.steps ?? [];
      const now = steps.find(({ mark }) => mark === 'now')?.step;
      if (now === undefined || now === seen.at(-1)) return;
      seen.push(now);
      if (now !== 'restoringData') return;
      all = steps.map(({ step }) => step);
      kills += 1;
      cluster.killSupervisor();
      wall.advance(10_000).catch(() => {});
    };
    await until(() => !isWell(), 1, look);
    await until(isWell, 10, look);
    expect(kills).toBe(1);
    expect(all).toEqual([
      'confirming',
      'reviving',
      'choosingSource',
      'preparingMaster',
      'stoppingControlPlane',
      'keepingOldData',
      'restoringData',
      'replayingChanges',
      'startingControlPlane',
      'reconciling',
      'rejoining',
      'verifying',
    ]);
    // Those of milliseconds are not seen, but told.
    expect(seen.filter((step) => step !== 'replayingChanges' && step !== 'verifying')).toEqual(
      all.filter((step) => step !== 'replayingChanges' && step !== 'verifying'),
    );
    expect(story()).toEqual(
      expect.arrayContaining([
        'control-plane-0: recovery: what was changed after the snapshot is brought back',
        'etcd: all masters are back. Their data is compared',
        'etcd: every master has a healthy voting member again',
      ]),
    );
  });

  test('a damaged backup is passed over: the one before it is restored', async () => {
    // Two at least, and the newest must be a verified one.
    await cluster.clock.skip(11 * 60_000);
    press('backupDamaged');
    const [damaged, before] = cluster.vault.backups;
    expect(damaged?.whole.size).toBe(0);
    press('mastersAllLost');
    await until(() => !isWell(), 1);
    await until(isWell, 10);
    expect(story()).toContain(`recovery: begins, from the backup ${before?.id} in cn-simulated`);
  });

  test('a region that is away is done without, and made good when it is back', async () => {
    press('backupRegionGone');
    expect(outages.underWay()).toEqual([{ id: 'backupRegionGone', until: expect.any(Number) }]);
    const begun = cluster.clock.now();
    await until(() => (view()?.backups?.verified?.takenAt ?? 0) > begun, 11);
    expect(view()?.backups).toMatchObject({ verified: { regions: ['cn-elsewhere'] }, behindMs: 0 });
    outages.calm();
    expect(outages.underWay()).toEqual([]);
    const calm = cluster.clock.now();
    await until(() => (view()?.backups?.verified?.takenAt ?? 0) > calm, 11);
    expect(view()?.backups?.verified?.regions).toEqual(['cn-simulated', 'cn-elsewhere']);
  });

  test('what can not be broken now says so, and nothing is told of it', async () => {
    press('etcdCorrupt', 'control-plane-0');
    expect(() => press('etcdCorrupt', 'control-plane-1')).toThrow(
      /nothing that could be broken in this way now/,
    );
    await until(isWell, 5);
  });
});
