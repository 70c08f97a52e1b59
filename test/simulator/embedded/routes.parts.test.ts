import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EmbeddedHandle, startEmbedded } from '../../../src/simulator/embedded/start.ts';
import { until } from '../../kubernetes/until.ts';

let dir = '';
let running: EmbeddedHandle;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wdrip-embedded-'));
  running = await startEmbedded({ dir, speed: 60 });
});
afterAll(async () => {
  await running.stop();
  await rm(dir, { recursive: true, force: true });
});

async function ask(path: string, body?: unknown): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(`${running.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${running.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, answer: await response.json() };
}

describe("the laboratory's interface", () => {
  test.each([
    ['an unknown breakage', '/api/lab/break', { breakage: 'meteor' }, 404, 'UnknownBreakage'],
    [
      'an unknown node',
      '/api/lab/break',
      { breakage: 'kubeletDies', node: 'workers-99' },
      404,
      'UnknownNode',
    ],
    ['a breakage of a node without one', '/api/lab/break', { breakage: 'kubeletDies' }, 404, 'UnknownNode'],
    ['a body that says nothing', '/api/lab/break', {}, 400, 'BadRequest'],
    ['a body that says too much', '/api/lab/speed', { speed: 10, now: true }, 400, 'BadRequest'],
    ['a speed that there is not', '/api/lab/speed', { speed: 1_000_000 }, 400, 'UnknownSpeed'],
    ['a pause of nothing', '/api/pause', { kind: 'planet' }, 400, 'BadPause'],
    ['a pause of an unknown node', '/api/pause', { kind: 'node', id: 'workers-99' }, 404, 'UnknownNode'],
  ])('%s is refused with a clear error', async (_what, path, body, status, code) => {
    const refused = await ask(path, body);
    expect(refused).toMatchObject({ status, answer: { code, message: expect.stringMatching(/.{10}/) } });
  });

  test('breaks a node, and its story tells so', async () => {
    expect(await ask('/api/lab/break', { breakage: 'kubeletDies', node: 'workers-5' })).toEqual({
      status: 200,
      answer: { broken: 'kubeletDies', node: 'workers-5' },
    });
    await until('it is healthy again', async () => {
      const { answer } = await ask('/api/nodes/workers-5/story');
      const text = JSON.stringify(answer);
      return text.includes('you stopped its kubelet') && text.includes('"healthy"');
    });
  });

  test('while the supervisor is dead it says so, and a slot’s story is there all the same', async () => {
    await ask('/api/lab/break', { breakage: 'supervisorKilled' });
    expect(await ask('/api/nodes')).toMatchObject({ status: 503, answer: { code: 'SupervisorDown' } });
    expect((await ask('/api/nodes/workers-5/story')).status).toBe(200);
    await until('it is back', async () => (await ask('/api/nodes')).status === 200);
  });
});
