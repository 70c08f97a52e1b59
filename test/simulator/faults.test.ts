import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../src/runtime/random.ts';
import { drawAim, isMoment } from '../../src/simulator/aims.ts';
import { type FaultKind, faultKinds } from '../../src/simulator/faults.ts';
import { simulate } from '../../src/simulator/simulation.ts';

const small = { nodes: 5, hours: 3, zones: 2 };

describe('faults', () => {
  test.each(faultKinds.map((kind) => [kind]))(
    '%s alone breaks no invariant, and strikes',
    async (kind: FaultKind) => {
      const result = await simulate({ ...small, seed: 11, faults: [kind] });
      expect(result.violation).toBeNull();
      expect(result.faults[kind]).toBeGreaterThan(0);
    },
  );

  test('the supervisor really dies while it restores, and in the middle of commits', async () => {
    const restoring = await simulate({ ...small, seed: 12, faults: ['supervisorKilledRestoring'] });
    expect(restoring.crashesRestoring).toBeGreaterThan(0);
    const faults = ['supervisorKilledAtCommit', 'kubeletDies'] as const;
    const committing = await simulate({ ...small, seed: 12, faults });
    expect(committing.crashesInCommit).toBeGreaterThan(0);
  });

  test('a fault that waits for a moment of a repair is told from one that strikes now', () => {
    const aims = Array.from({ length: 200 }, (_, seed) => drawAim(1, 'blip', seededRandom(seed), 0));
    const waiting = aims.flatMap((aim) => aim ?? []);
    expect(waiting.length).toBeGreaterThan(60);
    expect(waiting.length).toBeLessThan(140);
    const [first] = waiting;
    if (first === undefined) throw new Error('some wait');
    const aim = { ...first, moment: 'draining' } as const;
    expect(isMoment(aim, 'repairing.rebooting.admitting', 'repairing.rebooting.draining')).toBe(true);
    expect(isMoment(aim, 'repairing.rebooting.draining', 'repairing.rebooting.confirming')).toBe(false);
  });
});
