import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { openLmdbStore } from '../../src/store/lmdb.ts';

const folder = await mkdtemp(join(tmpdir(), 'wdrip-process-'));
const children = new Set<ChildProcess>();
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

/** A process that writes to the store; `limitKiB` bounds its files, as a full disk does. */
function startWriter(store: string, limitKiB: number | 'unlimited') {
  // Without the trap, a write beyond the limit would end the process; with it, it fails.
  const script = `trap '' XFSZ; ulimit -f ${limitKiB}; exec "$0" --import tsx test/store/writer-child.ts "$1"`;
  const child = spawn('bash', ['-c', script, process.execPath, store], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  children.add(child);
  const exited = once(child, 'exit').then(() => children.delete(child));
  const lines = createInterface({ input: child.stdout });
  return { child, exited, lines };
}

const line = z.union([
  z.literal('ready'),
  z.object({ durable: z.array(z.string()) }),
  z.object({ message: z.string(), code: z.string(), retryMs: z.number() }),
]);

test('a full disk is said loudly, nothing half is written, and nothing that was durable is lost', async () => {
  const store = join(folder, 'full');
  const { child, exited, lines } = startWriter(store, 3_000);
  const durable: string[] = [];
  const complaints: { readonly message: string; readonly code: string; readonly retryMs: number }[] = [];
  for await (const text of lines) {
    const said = line.parse(JSON.parse(text));
    if (said === 'ready') continue;
    if ('durable' in said) durable.push(...said.durable);
    else complaints.push(said);
    // It tries again, and waits longer each time.
    if (complaints.length === 3) break;
  }
  expect(complaints.map(({ code, retryMs }) => [code, retryMs])).toEqual([
    ['StoreFull', 100],
    ['StoreFull', 200],
    ['StoreFull', 400],
  ]);
  expect(complaints[0]?.message).toMatch(/no space is left.*make room/);
  expect(durable.length).toBeGreaterThan(100);
  child.kill('SIGKILL');
  await exited;
  const opened = await openLmdbStore(store);
  const kept: string[] = [];
  for await (const entry of opened.entries('actor/')) {
    expect(entry).toHaveProperty('value');
    kept.push(entry.key.slice('actor/'.length));
  }
  await opened.close();
  expect(kept.sort()).toEqual(durable.sort());
}, 120_000);

test('a second supervisor on the same store is turned away, and one that was killed leaves no lock behind', async () => {
  const store = join(folder, 'shared');
  const { child, exited, lines } = startWriter(store, 'unlimited');
  for await (const text of lines) if (text === '"ready"') break;
  await expect(openLmdbStore(store, { setAsideBroken: true })).rejects.toMatchObject({
    code: 'StoreInUse',
    kind: 'rejected',
    message: expect.stringMatching(new RegExp(`process ${child.pid}\\b.*stop that one first`)),
  });
  child.kill('SIGKILL');
  await exited;
  const opened = await openLmdbStore(store);
  expect(opened.setAside).toBeNull();
  await opened.close();
}, 120_000);
