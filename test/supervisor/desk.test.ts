import { describe, expect, test } from '@jest/globals';
import { silentLog } from '../../src/log.ts';
import type { EffectContext } from '../../src/runtime/types.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import type { AdmissionRequest, AdmissionRule, Decision } from '../../src/supervisor/admission.ts';
import { type AdmissionDesk, createDesk } from '../../src/supervisor/desk.ts';

const budget = (n: number): Decision => ({
  granted: false,
  rule: 'budget',
  why: `there are ${n} permits out already`,
});

function setUp(places: number, endsByNews: ReadonlySet<AdmissionRule> = new Set()) {
  const clock = createVirtualClock();
  const taken = new Set<string>();
  const limit = { places };
  const looks = { count: 0 };
  const desk: AdmissionDesk = createDesk<AdmissionRequest>({
    clock,
    log: silentLog,
    endsByNews,
    decider: () => () => {
      looks.count += 1;
      const out = new Set([...taken, ...desk.grantedSlots()]).size;
      return out < limit.places ? { granted: true } : budget(out);
    },
  });
  const ask = (slot: string) => {
    const stop = new AbortController();
    const request: AdmissionRequest = { slot, pool: 'workers', role: 'worker', rung: 'rebooting' };
    const context: EffectContext = {
      actor: `node/${slot}`,
      attempt: `attempt-of-${slot}`,
      signal: stop.signal,
      clock,
      progress: null,
      checkpoint: async () => {},
    };
    const heard: string[] = [];
    desk.request(request, context).then(
      (permit) => heard.push(permit),
      () => heard.push('withdrawn'),
    );
    return { heard, withdraw: () => stop.abort(new Error('moved on')) };
  };
  const settle = async (ms: number) => {
    await clock.advance(ms);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  return { desk, ask, taken, limit, looks, settle };
}

describe('the admission desk', () => {
  test('gives one free place to one request only, and says why the others wait', async () => {
    const { desk, ask, settle } = setUp(1);
    const first = ask('a');
    const second = ask('b');
    await settle(1);
    expect(first.heard).toEqual(['attempt-of-a']);
    expect(second.heard).toEqual([]);
    expect(desk.waiting('b')).toMatchObject({ rule: 'budget', since: 0 });
    expect(desk.waiting('a')).toBeNull();
  });

  test('a grant counts until the record of its slot shows what became of it', async () => {
    const { desk, ask, taken, settle } = setUp(1);
    ask('a');
    const second = ask('b');
    await settle(1);
    taken.add('a');
    desk.settled('a');
    await settle(5_000);
    expect(second.heard).toEqual([]);
    taken.delete('a');
    await settle(1_000);
    expect(second.heard).toEqual(['attempt-of-b']);
  });

  test('looks again when a fact has changed, without waiting for its turn', async () => {
    const { desk, ask, limit, settle } = setUp(0);
    const only = ask('a');
    await settle(100);
    limit.places = 1;
    desk.review();
    await settle(1);
    expect(only.heard).toEqual(['attempt-of-a']);
  });

  test('who waits for news is asked about when there is some, and seldom in between', async () => {
    const { desk, ask, limit, looks, settle } = setUp(0, new Set(['budget']));
    const first = ask('a');
    await settle(9_000);
    expect(looks.count).toBe(1);
    limit.places = 1;
    desk.review();
    await settle(0);
    expect(first.heard).toEqual(['attempt-of-a']);
    const second = ask('b');
    await settle(1);
    limit.places = 2;
    await settle(30_000);
    expect(second.heard).toEqual(['attempt-of-b']);
  });

  test('a request that is withdrawn takes no place', async () => {
    const { ask, limit, settle, desk } = setUp(0);
    const first = ask('a');
    const second = ask('b');
    await settle(1);
    first.withdraw();
    limit.places = 1;
    await settle(1_000);
    expect(first.heard).toEqual(['withdrawn']);
    expect(second.heard).toEqual(['attempt-of-b']);
    expect(desk.waiting('a')).toBeNull();
  });
});
