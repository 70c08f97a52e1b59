import { expect, test } from '@jest/globals';
import { Chronicle } from '../../src/supervisor/chronicle.ts';

const line = (slot: string | null, text: string) => ({ slot, text, tone: 'note' }) as const;

test('a chronicle keeps the newest of each node and of the cluster, and counts all', () => {
  const chronicle = new Chronicle();
  for (let number = 1; number <= 100; number++) chronicle.add(number, line('a', `line ${number}`));
  chronicle.add(101, line(null, 'a storm'));
  chronicle.add(102, line('b', 'its own'));
  expect(chronicle.of('a')).toHaveLength(60);
  expect(chronicle.of('a').at(-1)).toEqual({ number: 100, at: 100, ...line('a', 'line 100') });
  expect(chronicle.of('nobody')).toEqual([]);
  expect(chronicle.newest(3).map(({ text }) => text)).toEqual(['line 100', 'a storm', 'its own']);
  expect([chronicle.newestNumber('b'), chronicle.newestNumber('nobody'), chronicle.count]).toEqual([
    102, 0, 102,
  ]);
});

test('ten thousand nodes in trouble do not fill the memory: whoever was silent for longest is forgotten', () => {
  const chronicle = new Chronicle();
  for (let node = 0; node < 1_000; node++)
    for (let number = 0; number < 60; number++) chronicle.add(node, line(`node-${node}`, `${number}`));
  const kept = Array.from({ length: 1_000 }, (_, node) => chronicle.of(`node-${node}`).length);
  expect(kept.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(20_000);
  expect(kept[0]).toBe(0);
  expect(kept.at(-1)).toBe(60);
});
