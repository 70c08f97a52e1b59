import { describe, expect, test } from '@jest/globals';
import { type BackupsAnswer, backupsText } from '../../src/cli/backup.ts';
import { type QuorumAnswer, quorumText } from '../../src/cli/quorum.ts';

const now = 1_000_000_000;
const minute = 60_000;

const backups: BackupsAnswer = {
  now,
  backups: [
    {
      id: '20261124T184200Z-0000001000003197-373e4fc0',
      takenAt: now - 2 * minute,
      storedBytes: 3 * 1024 * 1024,
      snapshotBytes: 9,
      revision: 3_197,
      regions: ['cn-hangzhou', 'cn-beijing'],
      verifiedAt: now - minute,
      failed: null,
    },
    {
      id: 'older',
      takenAt: now - 12 * minute,
      storedBytes: 1024 * 1024,
      snapshotBytes: 9,
      revision: 3_000,
      regions: ['cn-beijing'],
      verifiedAt: null,
      failed: 'the hash of its keys is another',
    },
  ],
  newestVerifiedAgeMs: 2 * minute,
  unreached: ['cn-shanghai'],
  lossMs: 800,
  changeLog: { revision: 3_300, lagMs: 800, connected: true },
  problems: 1,
  actor: {
    state: 'resting',
    since: now - minute,
    nextAt: now + 8 * minute,
    failures: 0,
    lastFailure: null,
    taken: null,
  },
};

describe('the backups, for people', () => {
  test('say how old, how large, where, and whether each was restored once', () => {
    const text = backupsText(backups);
    expect(text).toMatch(/373e4fc0 +2m\S* +3\.0 MiB +3197 +cn-hangzhou,cn-beijing +1m\S* ago/);
    expect(text).toContain('FAILED: the hash of its keys is another');
    expect(text).toContain('lost if all masters were lost now: the last 800ms');
    expect(text).toContain('did not answer: cn-shanghai');
  });

  test('without a verified one that is said first, and loudly', () => {
    const text = backupsText({
      ...backups,
      backups: [],
      newestVerifiedAgeMs: null,
      lossMs: null,
      changeLog: null,
    });
    expect(text).toContain('NO VERIFIED BACKUP');
    expect(text).toContain('lost if all masters were lost now: everything');
  });

  test('failures are counted, with the last one', () => {
    const lastFailure = { code: 'NoRegion', message: 'no region has it' };
    const actor = { state: 'failing', since: now, nextAt: null, failures: 3, lastFailure, taken: null };
    expect(backupsText({ ...backups, actor })).toContain('failed 3 times: NoRegion: no region has it');
  });
});

test('the quorum, for people: what is wrong, what is done, what comes next, and the members', () => {
  const quorum: QuorumAnswer = {
    now,
    state: 'lost.undecided',
    since: now - 30_000,
    held: false,
    size: 3,
    healthy: 0,
    why: 'nothing is overwritten: 2 of 3 members may still come back',
    next: { at: now + 10_000, what: 'everything is tried again' },
    waiting: null,
    permit: false,
    members: [
      {
        slot: 'control-plane-0',
        wanted: true,
        instanceId: 'i-1',
        instance: 'stopped',
        memberId: 'abc',
        role: 'voter',
        health: 'unhealthy',
        alarm: null,
      },
      {
        slot: null,
        wanted: false,
        instanceId: 'i-9',
        instance: 'gone',
        memberId: 'def',
        role: 'voter',
        health: 'unhealthy',
        alarm: 'corrupt',
      },
    ],
    lastFailure: null,
  };
  const text = quorumText(quorum);
  expect(text).toContain('the etcd quorum is LOST: lost.undecided since 30s');
  expect(text).toContain('why:     nothing is overwritten');
  expect(text).toContain('next:    in 10s: everything is tried again');
  expect(text).toMatch(/control-plane-0 +abc +voter +unhealthy +i-1 +stopped/);
  expect(text).toMatch(/\(nobody's\) +def +voter \(corrupt\) +unhealthy +i-9 +gone/);
});
