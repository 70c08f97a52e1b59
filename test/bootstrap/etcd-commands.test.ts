import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  DAMAGED_EXIT_CODE,
  forceNewCluster,
  inspectMember,
  keepCopy,
  restoreSnapshot,
  setSeeds,
  startControlPlane,
  startMember,
  stopControlPlane,
  wipeMember,
} from '../../src/bootstrap/etcd-commands.ts';
import { newerData, readInspection } from '../../src/bootstrap/etcd-inspection.ts';

const object = {
  region: 'cn-hangzhou',
  bucket: 'wdrip-demo',
  endpoint: 'http://127.0.0.1:18081',
  key: 'clusters/demo/bootstrap/control-plane/restore/a1',
  sha256: 'ab'.repeat(32),
};
const source = {
  object,
  token: 'demo-a1',
  bumpRevision: 1_000,
};

test('every command is a script that a shell takes', () => {
  const scripts = [
    inspectMember(),
    stopControlPlane(),
    startControlPlane(),
    startControlPlane({ restart: true }),
    startMember(),
    keepCopy('a1'),
    wipeMember('a1'),
    setSeeds(['10.0.0.1']),
    forceNewCluster('a1'),
    restoreSnapshot('a1', source),
  ];
  for (const script of scripts) {
    const { status, stderr } = spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' });
    expect({ script, status, stderr }).toEqual({ script, status: 0, stderr: '' });
  }
});

test('safety 45: a restore bumps the revision', () => {
  expect(restoreSnapshot('a1', source)).toContain('--bump-revision 1000\n');
});

test('safety 45: the API servers are stopped for a restore, and stay so after a reboot', () => {
  expect(stopControlPlane()).toContain('systemctl disable --now etcd kube-apiserver');
  expect(startControlPlane()).toContain('systemctl enable etcd kube-apiserver');
});

test('safety 49, 52: what a restore begins from is held to its hash', () => {
  expect(restoreSnapshot('a1', source)).toContain(`--sha256 '${object.sha256}' `);
});

test('safety 49: a snapshot that is damaged ends the script before anything on the master is touched, and says so by its status', () => {
  const root = mkdtempSync(join(tmpdir(), 'wdrip-restore-'));
  try {
    const bin = join(root, 'bin');
    for (const folder of ['bin', 'etc/systemd/system', 'var/lib/etcd/member'])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\necho inactive\nexit 3\n', { mode: 0o755 });
    writeFileSync(join(bin, 'wdrip-node'), `#!/bin/sh\nexit ${DAMAGED_EXIT_CODE}\n`, { mode: 0o755 });
    const { status } = spawnSync('sh', {
      input: restoreSnapshot('a1', source),
      encoding: 'utf8',
      env: { ...process.env, WDRIP_ROOT: root, PATH: `${bin}:${process.env.PATH}` },
    });
    expect(status).toBe(DAMAGED_EXIT_CODE);
    expect(readdirSync(join(root, 'var/lib/etcd'))).toEqual(['member']);
    expect(readdirSync(join(root, 'var/lib/wdrip'))).toEqual(['restore']);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('safety 55: a restored cluster has a token of its own', () => {
  expect(restoreSnapshot('a1', source)).toContain("--token 'demo-a1'");
});

test('what could break out of a script is refused', () => {
  expect(() => wipeMember('a; reboot')).toThrow('cannot stand in a script');
  expect(() => keepCopy('../x')).toThrow('cannot stand in a script');
  expect(() => setSeeds(['x\ny'])).toThrow('cannot stand in a script');
  const key = "x'; reboot; '";
  expect(() => restoreSnapshot('a1', { ...source, object: { ...object, key } })).toThrow('cannot stand');
  expect(() => restoreSnapshot('a1', { ...source, object: { ...object, sha256: 'no' } })).toThrow('64');
});

const data = {
  exists: true,
  memberId: 'a',
  clusterId: 'b',
  term: 3,
  commit: 9,
  lastTerm: 3,
  lastIndex: 10,
  database: null,
  corrupt: false,
  inUse: true,
  broken: '',
};

test('an inspection is read from the last line; rubbish is a failure that can be tried again', () => {
  const units = {
    etcd: 'active',
    'kube-apiserver': 'inactive',
    'kube-apiserver-ready': 'inactive',
    'kube-controller-manager': 'inactive',
    'kube-scheduler': 'failed',
  };
  expect(readInspection(`noise\n${JSON.stringify({ units, writesFail: '', data })}\n`)).toEqual({
    units,
    writesFail: '',
    data,
  });
  expect(() => readInspection('sh: wdrip-node: not found')).toThrow('not found');
});

test.each([
  ['a disk that takes writes', (_root: string) => {}, ''],
  // Root may write anything else: there is a file in the place of a directory.
  [
    'a disk that does not',
    (root: string) => writeFileSync(join(root, 'var/lib/wdrip'), ''),
    'Not a directory',
  ],
])('an inspection of %s says why, and leaves nothing behind', (_, spoil, why) => {
  const root = mkdtempSync(join(tmpdir(), 'wdrip-inspect-'));
  try {
    const bin = join(root, 'bin');
    mkdirSync(join(root, 'var/lib'), { recursive: true });
    mkdirSync(bin);
    spoil(root);
    writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\necho inactive\nexit 3\n', { mode: 0o755 });
    writeFileSync(join(bin, 'wdrip-node'), `#!/bin/sh\necho '${JSON.stringify(data)}'\n`, { mode: 0o755 });
    const { status, stdout } = spawnSync('sh', {
      input: inspectMember(),
      encoding: 'utf8',
      env: { ...process.env, WDRIP_ROOT: root, PATH: `${bin}:${process.env.PATH}` },
    });
    expect(status).toBe(0);
    const found = readInspection(stdout);
    expect(found).toMatchObject({ data, units: { etcd: 'inactive' } });
    if (why === '') {
      expect(found.writesFail).toBe('');
      expect(readdirSync(join(root, 'var/lib/wdrip/etcd-kept'))).toEqual([]);
    } else expect(found.writesFail).toContain(why);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('newer data is told by the last term, then by the last index', () => {
  expect(newerData(data, { ...data, lastIndex: 11 })).toBeLessThan(0);
  expect(newerData({ ...data, lastTerm: 4, lastIndex: 1 }, data)).toBeGreaterThan(0);
  expect(newerData(data, data)).toBe(0);
});
