import { expect, test } from '@jest/globals';
import type { Cloud } from '../../src/cloud/port.ts';
import { onlyOurs } from '../../src/effects/only-ours.ts';
import { Failure } from '../../src/failure.ts';
import { FakeCloud } from './fake-cloud.ts';

const signal = new AbortController().signal;

/** Every call that changes an instance, or gives it a command. */
const calls: Readonly<Record<string, (cloud: Cloud, id: string) => Promise<unknown>>> = {
  reboot: (cloud, id) => cloud.reboot(id, { force: false }),
  start: (cloud, id) => cloud.start(id),
  stop: (cloud, id) => cloud.stop(id, { force: false }),
  setUserData: (cloud, id) => cloud.setUserData(id, 'x'),
  replaceSystemDisk: (cloud, id) => cloud.replaceSystemDisk(id, 'm-1', 'attempt'),
  deleteInstance: (cloud, id) => cloud.deleteInstance(id),
  runCommand: (cloud, id) => cloud.runCommand(id, 'true', { timeoutMs: 1, attempt: 'attempt', signal }),
};

function foreign() {
  const cloud = new FakeCloud();
  const commands: string[] = [];
  cloud.agent = (id) => {
    commands.push(id);
    return { outcome: 'exited', exitCode: 0, output: '' };
  };
  return { cloud, commands, ours: onlyOurs(cloud, 'test') };
}

test.each(Object.entries(calls))('%s is not made of an instance without the tag', async (_, call) => {
  const { cloud, commands, ours } = foreign();
  for (const tags of [{}, { 'wdrip.io/cluster': 'another' }]) {
    const { id } = cloud.add({ tags });
    await expect(call(ours, id)).rejects.toMatchObject({ kind: 'rejected', code: 'ForeignInstance' });
  }
  expect([...cloud.effects, ...commands]).toEqual([]);
});

test.each(Object.entries(calls))(
  '%s is not made where the look gets no answer, and says that nothing was done',
  async (_, call) => {
    const { cloud, commands, ours } = foreign();
    const { id } = cloud.add();
    cloud.findInstance = () =>
      Promise.reject(new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'none' }));
    await expect(call(ours, id)).rejects.toMatchObject({ kind: 'retryable', code: 'Unreachable' });
    expect([...cloud.effects, ...commands]).toEqual([]);
  },
);

test('what is ours is worked on, and what is gone is left to the call', async () => {
  const { cloud, ours } = foreign();
  const { id } = cloud.add();
  await ours.reboot(id, { force: true });
  await ours.deleteInstance(id);
  await ours.deleteInstance(id);
  await expect(ours.start(id)).rejects.toMatchObject({ kind: 'notFound' });
  expect(cloud.effects).toEqual([`forceReboot ${id}`, `delete ${id}`]);
});

test('whoever asks may look besides, and looks last: the other look may have waited long for its answer', async () => {
  const { cloud, ours } = foreign();
  const { id } = cloud.add();
  const looks: string[] = [];
  const find = cloud.findInstance.bind(cloud);
  cloud.findInstance = (of) => {
    looks.push('tag');
    return find(of);
  };
  const before = () => {
    looks.push('own');
    return Promise.reject(new Error('not now'));
  };
  await expect(ours.reboot(id, { force: true, before })).rejects.toThrow('not now');
  expect(looks).toEqual(['tag', 'own']);
  expect(cloud.effects).toEqual([]);
});
