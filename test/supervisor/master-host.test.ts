import { expect, test } from '@jest/globals';
import { DAMAGED_EXIT_CODE, inspectMember } from '../../src/bootstrap/etcd-commands.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { inspectionText, noData } from '../../src/simulator/world/master-commands.ts';
import { masterHost } from '../../src/supervisor/master-host.ts';

/** A host whose instances say of their data what `said` holds, one look after the other. */
function scene(said: readonly string[] = [inspectionText(noData)]) {
  const asked: { readonly id: string; readonly token: string }[] = [];
  let looks = 0;
  const host = masterHost('c', {
    findInstance: async () => null,
    async runCommand(id, script, { attempt }) {
      asked.push({ id, token: attempt });
      const output = script === inspectMember() ? (said[Math.min(looks++, said.length - 1)] ?? '') : 'done\n';
      return { outcome: 'exited', exitCode: 0, output };
    },
  });
  const context = {
    actor: 'quorum',
    attempt: 'a'.repeat(64),
    signal: new AbortController().signal,
    clock: createVirtualClock(),
    progress: null,
    checkpoint: async () => {},
  };
  return { host, context, asked };
}

test('no two commands of one attempt have the same ClientToken, be it at the same instant on two masters', async () => {
  const { host, context, asked } = scene();
  const object = { region: 'r', bucket: 'b', endpoint: '', key: 'k', sha256: 'ab'.repeat(32) };
  for (const id of ['i-1', 'i-2']) {
    await host.restartEtcd(id, context);
    await host.lookAtData(id, context);
    await host.joinExisting(id, ['10.0.0.1'], context);
    await host.stopControlPlane(id, context);
    await host.startControlPlane(id, context);
    await host.keepCopy(id, context);
    await host.forceNewCluster(id, context);
    await host.restoreSnapshot(id, { object, bumpRevision: 1 }, context);
  }
  const tokens = asked.map(({ token }) => token);
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(tokens.filter((token) => token.length > 64)).toEqual([]);
});

test('data that looks broken, or a disk that takes no writes, is looked at again: only what stays so is told', async () => {
  const broken = inspectionText({ ...noData, exists: true, broken: 'crc mismatch' }, { takesWrites: false });
  const stays = scene([broken]);
  expect(await stays.host.lookAtData('i-1', stays.context)).toEqual({
    kind: 'broken',
    why: 'crc mismatch',
    writesFail: 'Read-only file system',
  });
  const passes = scene([broken, inspectionText(noData, { takesWrites: false }), inspectionText(noData)]);
  expect(await passes.host.lookAtData('i-1', passes.context)).toMatchObject({
    kind: 'missing',
    writesFail: '',
  });
  expect(passes.asked).toHaveLength(3);
});

test('safety 49: a master that finds its snapshot damaged is heard as that, and any other failure as one of the command', async () => {
  const failing = (exitCode: number) =>
    masterHost('c', {
      findInstance: async () => null,
      runCommand: async () => ({ outcome: 'exited', exitCode, output: 'wdrip-node fetch: it was cut off\n' }),
    });
  const object = { region: 'r', bucket: 'b', endpoint: '', key: 'k', sha256: 'ab'.repeat(32) };
  const restored = (exitCode: number) =>
    failing(exitCode).restoreSnapshot('i-1', { object, bumpRevision: 1 }, scene().context);
  await expect(restored(DAMAGED_EXIT_CODE)).rejects.toMatchObject({
    kind: 'rejected',
    code: 'BackupDamaged',
    message: expect.stringContaining('it was cut off'),
  });
  await expect(restored(1)).rejects.toMatchObject({ kind: 'retryable', code: 'CommandFailed' });
});
