import { describe, expect, test } from '@jest/globals';
import { judge, type VoterFound } from '../../../src/effects/quorum/choose-source.ts';
import type { DataFound } from '../../../src/effects/quorum/world.ts';

const present = (raftTerm: number, raftIndex: number, writesFail = ''): DataFound => ({
  kind: 'present',
  corrupt: false,
  writesFail,
  memberId: 'm',
  clusterId: 'c',
  raftTerm,
  raftIndex,
});
const full = 'No space left on device';
const missing: DataFound = { kind: 'missing', why: 'its data directory is empty', writesFail: '' };
const broken: DataFound = { kind: 'broken', why: 'write-ahead log: crc mismatch', writesFail: '' };
const unknown: DataFound = { kind: 'unknown', why: 'its instance is Stopped' };

function voters(...found: readonly DataFound[]): readonly VoterFound[] {
  return found.map((data, index) => ({
    name: `control-plane-${index}`,
    master: { slot: `control-plane-${index}`, instanceId: `i-${index}` },
    data,
  }));
}
const backup = { kind: 'backup', key: 'b1', region: 'r1', revision: 900, passedOver: [] } as const;

describe('what a lost quorum is brought back from', () => {
  test.each<[string, readonly DataFound[]]>([
    ['all data is there: it is only not running', [present(3, 9), present(3, 9), present(3, 9)]],
    ['two are there', [present(3, 9), present(3, 8), missing]],
    ['one is there, and one can not be looked at', [present(3, 9), unknown, missing]],
    ['nothing could be looked at', [unknown, unknown, unknown]],
    ['the only one can not be looked at', [unknown]],
    ['three of five may still come back', [present(1, 1), unknown, unknown, missing, missing]],
  ])('safety 44: %s: nothing is overwritten', (_, found) => {
    expect(judge(voters(...found), { best: backup, passedOver: [] })).toMatchObject({ kind: 'unproven' });
  });

  test.each<[string, readonly DataFound[], string]>([
    ['the one survivor', [missing, present(3, 9), missing], 'control-plane-1'],
    [
      'of two of five the higher index',
      [present(4, 10), broken, missing, present(4, 12), missing],
      'control-plane-3',
    ],
    [
      'a higher term before a higher index',
      [present(5, 1), broken, missing, present(4, 12), missing],
      'control-plane-0',
    ],
    [
      'a survivor before a backup, though one can not be looked at',
      [present(2, 2), missing, missing, missing, unknown],
      'control-plane-0',
    ],
  ])('%s carries on', (_, found, slot) => {
    expect(judge(voters(...found), { best: backup, passedOver: [] })).toMatchObject({
      kind: 'source',
      source: { kind: 'member', slot },
    });
  });

  test('all proven lost: the newest verified backup, and what was passed over is said', () => {
    const passedOver = [{ key: 'b2 in r1', why: 'its end is missing' }];
    const choice = judge(voters(missing, broken, missing), { best: { ...backup, passedOver }, passedOver });
    expect(choice).toMatchObject({ kind: 'source', source: { kind: 'backup', key: 'b1' } });
    expect(choice.because).toContain('passed over: b2 in r1: its end is missing');
  });

  test('safety 44: data that can be read and not written: the furthest carries on, and never one that is behind it', () => {
    const judged = (...found: readonly DataFound[]) =>
      judge(voters(...found), { best: backup, passedOver: [] });
    expect(judged(present(4, 12), missing, present(4, 12, full), missing, missing)).toMatchObject({
      kind: 'source',
      source: { kind: 'member', slot: 'control-plane-0' },
    });
    for (const behind of [
      judged(present(4, 11), missing, present(4, 12, full), missing, missing),
      judged(present(1, 1, full), missing, missing),
    ]) {
      expect(behind.kind).toBe('unproven');
      expect(behind.because).toMatch(
        /its disk takes no writes \(No space left on device\)\. Decide: free or mend the disk of i-/,
      );
    }
    expect(judged(present(4, 12), missing, present(4, 12, full)).because).toContain(
      '2 of 3 members may still come back',
    );
  });

  test('safety 52: data that etcd has found corrupt comes after every backup, and is made nothing of', () => {
    const corrupt: DataFound = { ...present(4, 12), corrupt: true } as DataFound;
    const judged = (...found: readonly DataFound[]) =>
      judge(voters(...found), { best: backup, passedOver: [] });
    const restored = judged(missing, corrupt, missing);
    expect(restored).toMatchObject({ kind: 'source', source: { kind: 'backup' } });
    expect(restored.because).toContain('only that of control-plane-1 is left, and it is corrupt');
    expect(judge(voters(missing, corrupt, missing), null)).toMatchObject({ kind: 'none' });
    // A survivor that is well carries on, though it is behind.
    expect(judged(present(4, 2), corrupt, missing, missing, missing)).toMatchObject({
      source: { kind: 'member', slot: 'control-plane-0' },
    });
    // It is a member like any other of a quorum that may come back.
    expect(judged(present(4, 12), corrupt, missing)).toMatchObject({ kind: 'unproven' });
    expect(judged(corrupt, missing, unknown, missing, missing)).toMatchObject({ kind: 'unproven' });
  });

  test('a backup would lose what one that can not be looked at may still have', () => {
    expect(judge(voters(missing, missing, unknown), { best: backup, passedOver: [] })).toMatchObject({
      kind: 'unproven',
    });
  });

  test('nothing to restore from: it says what a person must decide', () => {
    const choice = judge(voters(missing), {
      best: null,
      passedOver: [{ key: 'b2', why: 'no rehearsal has passed' }],
    });
    expect(choice.kind).toBe('none');
    expect(choice.because).toMatch(
      /no verified backup that can be read \(b2: no rehearsal has passed\)\. Decide/,
    );
    expect(judge(voters(missing), null)).toMatchObject({ kind: 'none' });
  });

  test('no voter is known: nothing is decided', () => {
    expect(judge([], { best: backup, passedOver: [] })).toMatchObject({ kind: 'unproven' });
  });
});
