import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../src/runtime/random.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { Beats, beatEveryMs } from '../../src/simulator/world/beats.ts';

describe('heartbeats that are computed', () => {
  test.each([1, 2, 3, 4, 5])(
    'over a random history %i they are those of kubelets that beat one by one',
    async (seed) => {
      const random = seededRandom(seed);
      const clock = createVirtualClock(1_000_000);
      const beats = new Beats(clock);
      /** The same, beat by beat. */
      const told = new Map<string, number>();
      const running = new Map<string, () => void>();
      let away = false;
      const arrive = (name: string) => {
        if (!away) told.set(name, clock.now());
      };
      const run = (name: string) => {
        running.get(name)?.();
        arrive(name);
        running.set(
          name,
          clock.after(beatEveryMs, function again() {
            arrive(name);
            running.set(name, clock.after(beatEveryMs, again));
          }),
        );
      };
      for (let step = 0; step < 300; step++) {
        const name = `node-${Math.floor(random.next() * 3)}`;
        const draw = random.next();
        if (draw < 0.2 && !away) {
          beats.begin(name);
          run(name);
        } else if (draw < 0.4) {
          beats.stop(name);
          running.get(name)?.();
          running.delete(name);
        } else if (draw < 0.5) {
          away = !away;
          beats.setReachable(!away);
          if (!away) for (const each of told.keys()) told.set(each, clock.now());
        }
        await clock.advance(Math.ceil(random.next() * 25_000));
        for (const each of ['node-0', 'node-1', 'node-2']) expect(beats.newest(each)).toBe(told.get(each));
      }
    },
  );
});
