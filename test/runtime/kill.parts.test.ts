import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { openLmdbStore } from '../../src/store/lmdb.ts';

/** `KILLS=1000 npx jest kill.parts` for a long run. */
const KILLS = Number(process.env.KILLS ?? 200);
const ACTORS = 1_000;
/** How late a deadline may fire while the process is up, in ms: this machine may be busy with other tests. */
const LATE_MS = 10_000;
const LONGEST_START_MS = 60_000;

const folder = await mkdtemp(join(tmpdir(), 'wdrip-kill-'));
const store = join(folder, 'store');
const journal = join(folder, 'journal');
const children = new Set<ChildProcess>();
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const recordSchema = z.object({
  id: z.string(),
  sequence: z.number(),
  since: z.number(),
  snapshot: z.object({ value: z.string(), context: z.object({ waitMs: z.number(), job: z.number() }) }),
  deadlines: z.record(z.string(), z.number()),
  effects: z.array(z.object({ attempt: z.string(), input: z.object({ job: z.number() }) })),
});

function start(mode: string) {
  const args = ['--import', 'tsx', 'test/runtime/kill-child.ts', store, journal, String(ACTORS), mode];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  children.add(child);
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  const exited = once(child, 'exit').then(([code, signal]) => {
    children.delete(child);
    return { code, signal, said };
  });
  const ready = Promise.race([
    once(child.stdout, 'data'),
    exited.then((how) => Promise.reject(new Error(`it ended by itself: ${JSON.stringify(how)}`))),
    pause(LONGEST_START_MS, null, { ref: false }).then(() =>
      Promise.reject(new Error('it never became ready')),
    ),
  ]);
  // Some are killed before they are ready.
  ready.catch(() => {});
  return { child, ready, exited };
}

async function readRecords() {
  const opened = await openLmdbStore(store);
  const records = new Map<string, z.infer<typeof recordSchema>>();
  for await (const entry of opened.entries('')) {
    if ('damaged' in entry) throw new Error(`${entry.key}: ${entry.damaged}`);
    const record = recordSchema.parse(entry.value);
    records.set(record.id, record);
  }
  await opened.close();
  return records;
}

/**
 * The journal's lines since the last time. The world remembers only what somebody may still ask for, or it would outgrow the test. Only a
 * whole line is a deed: a write that crosses a page is cut off there if SIGKILL comes in between, and what it began has not happened.
 */
function takeJournal(stillRunning: ReadonlySet<string>): (readonly string[])[] {
  const text = readFileSync(journal, 'utf8');
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '));
  const kept = lines.filter(
    ([kind, , , attempt = '']) => (kind === 'act' || kind === 'kept') && stillRunning.has(attempt),
  );
  writeFileSync(journal, kept.map((words) => `${['kept', ...words.slice(1)].join(' ')}\n`).join(''));
  return lines;
}

/** By actor and job: the attempt that took effect. */
const acts = new Map<string, string>();
/** By actor: all jobs up to this one are known to have taken effect. */
const checkedTo = new Map<string, number>();

/** What must hold of the store and the world whenever the process is dead. */
function check(records: Awaited<ReturnType<typeof readRecords>>): void {
  let startedAt = 0;
  const stillRunning = new Set(
    [...records.values()].flatMap(({ effects }) => effects.map(({ attempt }) => attempt)),
  );
  for (const [kind, ...words] of takeJournal(stillRunning)) {
    const [actor = '', number = '', attempt = ''] = words;
    if (kind === 'start') startedAt = Number(actor);
    if (kind === 'restored') expect(number).toBe('0');
    if (kind === 'begin' || kind === 'act') {
      const record = records.get(actor);
      const job = Number(number);
      // No effect without a durable record of it.
      if (!record || record.snapshot.context.job < job)
        throw new Error(`${actor}: job ${job} began before it was durable`);
      const isCurrent = record.snapshot.context.job === job && record.snapshot.value === 'acting';
      const [effect] = record.effects;
      if (isCurrent && effect?.attempt !== attempt)
        throw new Error(`${actor}: ${attempt} is not the attempt in its record`);
    }
    if (kind === 'act') {
      // No attempt takes effect twice, and no job by two attempts.
      const key = `${actor} ${number}`;
      if (acts.has(key)) throw new Error(`${key} took effect by ${acts.get(key)} and by ${attempt}`);
      acts.set(key, attempt);
    }
    if (kind === 'fired') {
      const [due, at, noted] = [Number(words[1]), Number(words[2]), Number(words[3])];
      if (at < due) throw new Error(`${actor} fired ${due - at} ms early`);
      if (noted > Math.max(due, startedAt) + LATE_MS)
        throw new Error(`${actor} fired ${noted - due} ms late`);
    }
  }
  for (const { id, since, snapshot, deadlines, effects } of records.values()) {
    const { value, context } = snapshot;
    // The deadline of whoever waits is there, at the time that it had when the wait began.
    const waits = Object.values(deadlines);
    const due = value === 'waiting' ? since + context.waitMs : undefined;
    if (waits[0] !== due || waits.length > 1)
      throw new Error(`${id} waits until ${waits}, and should until ${due}`);
    if (effects.length !== (value === 'acting' ? 1 : 0))
      throw new Error(`${id} is ${value} with ${effects.length} effects`);
    // What is done was done: every counted job but the one that runs left its mark on the world.
    const done = value === 'acting' ? context.job - 1 : context.job;
    for (let job = (checkedTo.get(id) ?? 0) + 1; job <= done; job++) {
      if (!acts.has(`${id} ${job}`))
        throw new Error(`${id}: job ${job} counts as done and never took effect`);
    }
    checkedTo.set(id, done);
    if (value === 'failed') throw new Error(`${id}: its effect failed`);
  }
}

test(`safety 20: ${ACTORS} actors, killed ${KILLS} times at random moments: nothing is lost and nothing is done twice`, async () => {
  let newest = new Map<string, number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, ready, exited } = start('run');
    // One in five dies while it starts or restores.
    if (kill > 0 && kill % 5 === 0) await pause(Math.random() * 800);
    else {
      await ready;
      await pause(Math.random() * 200);
    }
    child.kill('SIGKILL');
    const { signal, said } = await exited;
    expect([signal, said]).toEqual(['SIGKILL', '']);
    const records = await readRecords();
    expect(records.size).toBe(ACTORS);
    check(records);
    for (const [id, { sequence }] of records) {
      if (sequence < (newest.get(id) ?? 0)) throw new Error(`${id} went back in time`);
    }
    newest = new Map([...records].map(([id, { sequence }]) => [id, sequence]));
  }
  const { exited } = start('finish');
  expect(await exited).toMatchObject({ code: 0, said: '' });
  const records = await readRecords();
  check(records);
  expect([...records.values()].filter(({ snapshot }) => snapshot.value !== 'finished')).toEqual([]);
  const jobs = [...records.values()].reduce((sum, { snapshot }) => sum + snapshot.context.job, 0);
  expect(jobs).toBeGreaterThan(ACTORS);
}, 1_800_000);
