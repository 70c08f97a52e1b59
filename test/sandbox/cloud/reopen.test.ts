import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
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
});

test('an answered change is on disk', async () => {
  const { cloud, directory, close } = await testCloud();
  const [id] = await runInstances(cloud);
  expect(await readFile(join(directory, 'cloud.json'), 'utf8')).toContain(`"${id}"`);
  await close();
});

test('no state on disk ever holds an instance without the ClientToken that it was asked for with', async () => {
  const { cloud, directory, close } = await testCloud();
  const file = join(directory, 'cloud.json');
  let done = false;
  const call = runInstances(cloud, { ClientToken: 'attempt-1' }).finally(() => {
    done = true;
  });
  while (!done) {
    const text = await readFile(file, 'utf8');
    expect(text.includes('"i-')).toBe(text.includes('attempt-1'));
  }
  await call;
  expect(await readFile(file, 'utf8')).toContain('attempt-1');
  await close();
});
