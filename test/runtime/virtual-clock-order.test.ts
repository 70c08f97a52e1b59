import { expect, test } from '@jest/globals';
import { seededRandom } from '../../src/runtime/random.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';

test.each([1, 2, 3])(
  'timers fire in the order of a sorted list, whatever is called off meanwhile (%i)',
  (seed) => {
    const random = seededRandom(seed);
    const clock = createVirtualClock();
    const fired: number[] = [];
    /** What is armed, by its number. */
    const armed = new Map<number, { readonly due: number; readonly cancel: () => void }>();
    let number = 0;
    for (let step = 0; step < 5_000; step++) {
      const draw = random.next();
      if (draw < 0.5) {
        const mine = number++;
        const ms = Math.floor(random.next() * 50);
        const cancel = clock.after(ms, () => fired.push(mine));
        armed.set(mine, { due: clock.now() + ms, cancel });
      } else if (draw < 0.7) {
        const [mine] = [...armed.keys()].slice(-3);
        if (mine === undefined) continue;
        armed.get(mine)?.cancel();
        armed.delete(mine);
      } else {
        const next = [...armed].sort(([a, one], [b, other]) => one.due - other.due || a - b)[0];
        expect(clock.next()).toBe(next?.[1].due);
        expect(clock.step()).toBe(next !== undefined);
        if (next === undefined) continue;
        expect(fired.at(-1)).toBe(next[0]);
        expect(clock.now()).toBe(next[1].due);
        armed.delete(next[0]);
      }
    }
    expect(fired.length).toBeGreaterThan(500);
  },
);
