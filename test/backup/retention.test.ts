import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { defaultRetention, type RetainedBackup, retain } from '../../src/backup/retention.ts';

const minute = 60_000;
const hour = 60 * minute;
const now = Date.UTC(2026, 10, 24, 12);

/** Any backups, the newest first. */
const backups = fc
  .array(fc.record({ ageMinutes: fc.nat(20_000), verified: fc.boolean() }), { maxLength: 120 })
  .map((all) =>
    all
      .sort((a, b) => a.ageMinutes - b.ageMinutes)
      .map(
        ({ ageMinutes, verified }, index): RetainedBackup => ({
          id: `b${index}`,
          takenAt: now - ageMinutes * minute,
          verified,
        }),
      ),
  );
const policies = fc.record({
  newest: fc.integer({ min: 1, max: 6 }),
  hourly: fc.nat(30),
  daily: fc.nat(10),
  unverified: fc.integer({ min: 1, max: 5 }),
  minimumAgeMs: fc.nat(3 * hour),
  changeLogMs: fc.constant(6 * hour),
});

test('safety 50: whatever there is, the newest verified, the newest of all, and the young ones stay', () => {
  fc.assert(
    fc.property(backups, policies, (all, policy) => {
      const { keep, remove } = retain(all, policy, now);
      expect([...keep.keys(), ...remove].sort()).toEqual(all.map(({ id }) => id).sort());
      const newestVerified = all.find(({ verified }) => verified);
      if (newestVerified) expect(keep.has(newestVerified.id)).toBe(true);
      if (all[0]) expect(keep.has(all[0].id)).toBe(true);
      for (const { id, takenAt } of all)
        if (now - takenAt < policy.minimumAgeMs) expect(keep.has(id)).toBe(true);
      const verified = all.filter((each) => each.verified);
      for (const { id } of verified.slice(0, policy.newest)) expect(keep.has(id)).toBe(true);
    }),
  );
});

test('safety 50: backups that fail never push out one that is good', () => {
  fc.assert(
    fc.property(backups, policies, (all, policy) => {
      const good = all.filter(({ verified }) => verified);
      if (good.length === 0) return;
      const without = retain(good, policy, now);
      const among = retain(all, policy, now);
      for (const id of without.keep.keys()) expect(among.keep.has(id)).toBe(true);
    }),
  );
});

test('safety 50: it runs, and keeps no more than the policy says', () => {
  fc.assert(
    fc.property(backups, policies, (all, policy) => {
      const { keep } = retain(all, policy, now);
      const young = all.filter(({ takenAt }) => now - takenAt < policy.minimumAgeMs).length;
      const most = policy.newest + policy.hourly + policy.daily + policy.unverified + young + 2;
      expect(keep.size).toBeLessThanOrEqual(most);
    }),
  );
});

test('one every ten minutes for ten days: four, then one an hour, then one a day', () => {
  const all = Array.from({ length: 1440 }, (_, index) => ({
    id: `b${index}`,
    takenAt: now - index * 10 * minute,
    verified: true,
  }));
  const { keep } = retain(all, { ...defaultRetention, minimumAgeMs: 0 }, now);
  // It is noon: this hour's newest is that of now, the last hour's that of ten minutes ago; so with the days.
  const ages = all
    .filter(({ id }) => keep.has(id))
    .map(({ takenAt }) => Math.round((now - takenAt) / minute));
  expect(ages.slice(0, 4)).toEqual([0, 10, 20, 30]);
  expect(ages.filter((age) => age > 30 && age <= 24 * 60)).toHaveLength(22);
  expect(ages.filter((age) => age > 24 * 60)).toHaveLength(5);
});

test('it gives the reason for each that stays', () => {
  const all = [
    { id: 'new', takenAt: now - hour, verified: false },
    { id: 'good', takenAt: now - 2 * hour, verified: true },
  ];
  expect([...retain(all, defaultRetention, now).keep]).toEqual([
    ['good', 'the newest verified one'],
    ['new', 'the newest one'],
  ]);
});
