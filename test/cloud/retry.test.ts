import { expect, test } from '@jest/globals';
import { defaultRetryPolicy, type Repeatable, type RetryNote, withRetry } from '../../src/cloud/retry.ts';
import { Failure, type FailureKind } from '../../src/failure.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { virtualClock } from './virtual-clock.ts';

function failure(kind: FailureKind, code: string, retryAfterMs?: number): Failure {
  return new Failure({ kind, code, message: code }, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** Makes a call that fails as listed and then succeeds; tells how it ended, and what was logged. */
async function run(
  repeatable: Repeatable,
  failures: readonly unknown[],
  options: { slowMs?: number; random?: Random } = {},
) {
  const clock = virtualClock();
  const notes: RetryNote[] = [];
  let calls = 0;
  const start = clock.now();
  const outcome = await clock.runUntil(
    withRetry(
      async () => {
        const next = failures[calls++];
        if (options.slowMs !== undefined)
          await new Promise<void>((done) => clock.after(options.slowMs ?? 0, done));
        if (next !== undefined) throw next;
        return 'done';
      },
      {
        action: 'Act',
        repeatable,
        policy: defaultRetryPolicy,
        clock,
        random: options.random ?? seededRandom(7),
        log: (note) => notes.push(note),
      },
    ).catch((caught: unknown) => caught),
  );
  return { outcome, calls, notes, tookMs: clock.now() - start };
}

const noAnswer = failure('retryable', 'NoAnswer');
const throttled = failure('throttled', 'Throttling.User');
const unreachable = failure('retryable', 'Unreachable');
const busy = failure('retryable', 'Busy');

test('a call that succeeds is made once and says nothing', async () => {
  expect(await run('always', [])).toEqual({ outcome: 'done', calls: 1, notes: [], tookMs: 0 });
});

test.each(['always', 'token'] as const)(
  'without an answer, a call that is "%s" repeatable is made again',
  async (repeatable) => {
    const { outcome, calls, notes } = await run(repeatable, [noAnswer, noAnswer]);
    expect(outcome).toBe('done');
    expect(calls).toBe(3);
    expect(notes.map(({ action, code, attempt }) => [action, code, attempt])).toEqual([
      ['Act', 'NoAnswer', 1],
      ['Act', 'NoAnswer', 2],
    ]);
  },
);

test('safety 20: without an answer, a call that has no ClientToken is not made again', async () => {
  const { outcome, calls } = await run('once', [noAnswer]);
  expect(outcome).toBe(noAnswer);
  expect(calls).toBe(1);
  for (const open of [failure('retryable', 'InternalError'), failure('retryable', 'BadAnswer')]) {
    expect((await run('once', [open])).calls).toBe(1);
  }
});

test('a call without a ClientToken is made again after a failure that proves it had no effect', async () => {
  expect(await run('once', [throttled, unreachable, busy])).toMatchObject({ outcome: 'done', calls: 4 });
});

test.each(['rejected', 'notFound'] as const)('what is %s is not asked again', async (kind) => {
  const refused = failure(kind, 'X');
  expect(await run('always', [refused])).toMatchObject({ outcome: refused, calls: 1, tookMs: 0 });
});

test('safety 32: a zone without stock is asked once, and the caller told', async () => {
  const refused = failure('rejected', 'OutOfStock');
  expect(await run('token', [refused, refused])).toMatchObject({ outcome: refused, calls: 1 });
});

test('a defect of ours is not repeated', async () => {
  const defect = new TypeError('x is not a function');
  expect(await run('always', [defect])).toMatchObject({ outcome: defect, calls: 1 });
});

test('the tries are bounded, and the last failure comes back', async () => {
  const { outcome, calls, notes } = await run('always', Array(100).fill(noAnswer));
  expect(outcome).toBe(noAnswer);
  expect(calls).toBe(defaultRetryPolicy.tries);
  expect(notes).toHaveLength(defaultRetryPolicy.tries - 1);
});

test('the whole is bounded: no try begins after the total time', async () => {
  const { calls, tookMs } = await run('always', Array(100).fill(noAnswer), { slowMs: 20_000 });
  expect(calls).toBe(3);
  expect(tookMs).toBeLessThanOrEqual(defaultRetryPolicy.totalMs + 20_000);
});

test('the waits grow with full jitter, and longer after a refusal', async () => {
  const ceilings = (first: number) => [1, 2, 4, 8, 16].map((factor) => first * factor);
  for (const [kind, first] of [
    [noAnswer, defaultRetryPolicy.firstMs],
    [throttled, defaultRetryPolicy.firstRefusedMs],
    [busy, defaultRetryPolicy.firstRefusedMs],
  ] as const) {
    const { notes, tookMs } = await run('always', Array(5).fill(kind));
    const waits = notes.map(({ waitMs }) => waitMs);
    expect(waits).toHaveLength(5);
    for (const [index, ceiling] of ceilings(first).entries())
      expect(waits[index]).toBeLessThanOrEqual(ceiling);
    expect(new Set(waits).size).toBe(5);
    expect(tookMs).toBe(waits.reduce((sum, wait) => sum + wait, 0));
  }
});

test('the jitter is full: a wait is anything from nothing to its ceiling', async () => {
  for (const share of [0, 0.25, 0.999]) {
    const random = { ...seededRandom(1), next: () => share };
    const { notes } = await run('always', [noAnswer, noAnswer], { random });
    const { firstMs } = defaultRetryPolicy;
    expect(notes.map(({ waitMs }) => waitMs)).toEqual(
      [firstMs, 2 * firstMs].map((most) => Math.round(share * most)),
    );
  }
});

test('it waits at least as long as the cloud asks, and gives up at once if that is too long', async () => {
  const { notes } = await run('once', [failure('throttled', 'Throttling', 5_000)]);
  expect(notes[0]?.waitMs).toBeGreaterThanOrEqual(5_000);
  const tooLong = failure('throttled', 'Throttling', 60_001);
  expect(await run('once', [tooLong])).toMatchObject({ outcome: tooLong, calls: 1, tookMs: 0 });
});

test('an aborted signal ends the waiting', async () => {
  const clock = virtualClock();
  const abort = new AbortController();
  let calls = 0;
  const result = withRetry(
    () => {
      calls++;
      return Promise.reject(throttled);
    },
    {
      action: 'Act',
      repeatable: 'always',
      policy: defaultRetryPolicy,
      clock,
      random: seededRandom(1),
      log: () => abort.abort(new Error('moved on')),
      signal: abort.signal,
    },
  );
  await expect(result).rejects.toThrow('moved on');
  expect(calls).toBe(1);
});
