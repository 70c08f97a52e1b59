import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createSaver, readState } from '../../../src/sandbox/cloud/state-file.ts';
import { runInstances, testCloud } from './kit.ts';

test('a cloud opened anew knows its instances, as Stopped, its keys, its tokens and its roles', async () => {
  const first = await testCloud();
  await first.cloud.putRole({ name: 'worker', actions: [], objects: [] });
  await first.cloud.putBucket('bundles');
  const token = { ClientToken: 'attempt-1', RamRoleName: 'worker' };
  const [id = ''] = await runInstances(first.cloud, token);
  await first.clock.pass(13_000);
  expect(first.status(id)).toBe('Running');
  await first.cloud.close();

  const second = await testCloud({ directory: first.directory });
  expect(second.status(id)).toBe('Stopped');
  expect(second.host.instances.get(id)?.shutdowns).toEqual([{ force: true, graceMs: 0 }]);
  expect(second.cloud.accessKeySecret).toBe(first.cloud.accessKeySecret);
  expect(second.cloud.adminToken).toBe(first.cloud.adminToken);
  expect(second.cloud.buckets()).toEqual(['bundles']);
  expect(await runInstances(second.cloud, token)).toEqual([id]);
  const [other] = await runInstances(second.cloud, { RamRoleName: 'worker' });
  expect(second.cloud.instances().map((instance) => [instance.id, instance.ip])).toEqual([
    [id, '127.0.2.1'],
    [other, '127.0.2.2'],
  ]);
  await second.cloud.call('StartInstance', { InstanceId: id });
  await second.clock.pass(10_000);
  expect(second.status(id)).toBe('Running');
  await second.close();
});

test('what was being deleted, or given a new disk, is finished after a restart', async () => {
  const first = await testCloud();
  const [gone = '', reset = ''] = await runInstances(first.cloud, { Amount: '2' });
  await first.clock.pass(13_000);
  for (const InstanceId of [gone, reset]) await first.cloud.call('StopInstance', { InstanceId });
  await first.clock.pass(5_000);
  await first.cloud.call('DeleteInstance', { InstanceId: gone });
  const { DiskId } = await first.cloud.call('ReplaceSystemDisk', { InstanceId: reset });
  await first.cloud.close();

  const second = await testCloud({ directory: first.directory });
  await second.clock.pass(30_000);
  expect(second.status(gone)).toBe('gone');
  expect(second.host.destroyed).toEqual([gone]);
  expect(second.cloud.world.instance(reset).disk).toMatchObject({ id: DiskId, status: 'In_use' });
  await second.close();
});

test('a state file that is broken, or of another region, is refused and left as it is', async () => {
  const first = await testCloud();
  await first.cloud.close();
  await expect(testCloud({ directory: first.directory, region: 'cn-beijing' })).rejects.toThrow(
    'belongs to region cn-hangzhou',
  );
  const file = join(first.directory, 'cloud.json');
  await writeFile(file, '{"version":1,');
  await expect(testCloud({ directory: first.directory })).rejects.toThrow('is not a state file');
  expect(await readFile(file, 'utf8')).toBe('{"version":1,');
  await rm(first.directory, { recursive: true });
});

test('a change that can not be written down is not answered as done', async () => {
  const { cloud, directory } = await testCloud();
  await cloud.settled();
  await rm(directory, { recursive: true });
  await writeFile(directory, 'in the way');
  await expect(runInstances(cloud)).rejects.toMatchObject({ code: 'EEXIST' });
  await rm(directory);
});

test('what is saved is what holds when the call that asked for it has done all that it does', async () => {
  const { cloud, directory, close } = await testCloud();
  const file = join(directory, 'saved.json');
  const state = await readState(join(directory, 'cloud.json'));
  if (state === null) throw new Error('There is no state.');
  let nextSequence = 1;
  const saved = createSaver(file, () => ({ ...state, nextSequence })).save();
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
  nextSequence = 2;
  await saved;
  expect((await readState(file))?.nextSequence).toBe(2);
  expect(cloud.region).toBe(state.region);
  await close();
});
