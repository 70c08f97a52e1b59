import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { type FeedClient, type FeedView, feed } from '../../src/dashboard/feed.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';

/** A client that takes only so much at once. */
function stage() {
  const events = new EventEmitter();
  const told: { now: number; head?: unknown; items: unknown[]; gone: string[] }[] = [];
  let takes = true;
  const response: FeedClient = Object.assign(events, {
    write(text: string) {
      expect(text).toMatch(/^data: [^\n]+\n\n$/);
      told.push(JSON.parse(text.slice('data: '.length)));
      return takes;
    },
  });
  const clock = createVirtualClock();
  const items = new Map([
    ['a', '{"a":1}'],
    ['b', '{"b":1}'],
  ]);
  let head = 'calm';
  let looks = 0;
  feed(
    response,
    (): FeedView => {
      looks += 1;
      return { now: clock.now(), head, items };
    },
    clock,
  );
  return {
    told,
    items,
    looks: () => looks,
    pass: (ms: number) => clock.advance(ms),
    setHead: (next: string) => {
      head = next;
    },
    jam: () => {
      takes = false;
    },
    drain: () => {
      takes = true;
      events.emit('drain');
    },
    close: () => events.emit('close'),
  };
}

describe('the feed of what changes', () => {
  test('tells everything first, then only what has changed or is gone', async () => {
    const { told, items, pass, setHead } = stage();
    expect(told).toEqual([{ now: 0, head: 'calm', items: [{ a: 1 }, { b: 1 }], gone: [] }]);
    items.set('a', '{"a":2}');
    items.delete('b');
    await pass(200);
    expect(told.slice(1)).toEqual([{ now: 200, items: [{ a: 2 }], gone: ['b'] }]);
    setHead('storm');
    await pass(200);
    expect(told.slice(2)).toEqual([{ now: 400, head: 'storm', items: [], gone: [] }]);
  });

  test('without news it tells the time now and then, so that the page knows that it is connected', async () => {
    const { told, pass } = stage();
    await pass(2_900);
    expect(told).toHaveLength(1);
    await pass(200);
    expect(told.slice(1)).toEqual([{ now: 3_000, items: [], gone: [] }]);
  });

  test('a slow client has no queue: it misses what is between, and gets the newest', async () => {
    const { told, items, pass, jam, drain } = stage();
    jam();
    items.set('a', '{"a":2}');
    await pass(200);
    expect(told).toHaveLength(2);
    for (let value = 3; value < 500; value++) {
      items.set('a', `{"a":${value}}`);
      await pass(200);
    }
    expect(told).toHaveLength(2);
    drain();
    await pass(200);
    expect(told.at(-1)).toMatchObject({ items: [{ a: 499 }] });
    expect(told).toHaveLength(3);
  });

  test('when the client is gone nobody looks any more', async () => {
    const { looks, pass, close } = stage();
    close();
    const before = looks();
    await pass(10_000);
    expect(looks()).toBe(before);
  });
});
