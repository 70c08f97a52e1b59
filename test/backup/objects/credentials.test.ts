import { expect, test } from '@jest/globals';
import { refreshed, type TemporaryCredentials } from '../../../src/backup/objects/credentials.ts';
import { createVirtualClock } from '../../../src/runtime/virtual-clock.ts';

const HOUR_MS = 3_600_000;

test('temporary credentials are fetched once for all who wait, and anew before they end', async () => {
  const clock = createVirtualClock(0);
  let fetched = 0;
  const source = refreshed(async () => {
    fetched += 1;
    return { accessKeyId: `key-${fetched}`, accessKeySecret: 's', expiresAt: clock.now() + HOUR_MS };
  }, clock);
  const first = await Promise.all([source(), source()]);
  expect(first.map(({ accessKeyId }) => accessKeyId)).toEqual(['key-1', 'key-1']);
  clock.jump(HOUR_MS - 16 * 60_000);
  expect((await source()).accessKeyId).toBe('key-1');
  clock.jump(2 * 60_000);
  expect((await source()).accessKeyId).toBe('key-2');
  expect(fetched).toBe(2);
});

test('while the old ones hold, a failure to fetch new ones is nobody’s business, and is not repeated at every call', async () => {
  const clock = createVirtualClock(0);
  const answers: (() => TemporaryCredentials)[] = [
    () => ({ accessKeyId: 'old', accessKeySecret: 's', expiresAt: HOUR_MS }),
  ];
  let asked = 0;
  const source = refreshed(async () => {
    asked += 1;
    const answer = answers.shift();
    if (answer === undefined) throw new Error('no metadata service');
    return answer();
  }, clock);
  await source();
  clock.jump(50 * 60_000);
  expect((await source()).accessKeyId).toBe('old');
  expect((await source()).accessKeyId).toBe('old');
  expect(asked).toBe(2);
  clock.jump(11 * 60_000);
  await expect(source()).rejects.toThrow('no metadata service');
});
