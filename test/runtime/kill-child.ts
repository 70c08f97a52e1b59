/**
 * Run as `node --import tsx test/runtime/kill-child.ts STORE JOURNAL ACTORS [finish]`: supervises workers on a real store until it is
 * killed. With `finish` it lets them finish and exits. The journal is the world: a line in it can't be taken back.
 */
import { appendFileSync, openSync, readFileSync, writeSync } from 'node:fs';
import { systemClock } from '../../src/runtime/clock.ts';
import { createRuntime } from '../../src/runtime/runtime.ts';
import type { Effect } from '../../src/runtime/types.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { worker } from './worker-machine.ts';

const [path = '', journalPath = '', count = '0', mode] = process.argv.slice(2);
appendFileSync(journalPath, '');
const acted = new Set(
  readFileSync(journalPath, 'utf8')
    .split('\n')
    .filter((line) => /^(act|kept) /.test(line))
    .map((line) => line.split(' ')[3]),
);
const journal = openSync(journalPath, 'a');
const note = (...words: readonly (string | number)[]) => writeSync(journal, `${words.join(' ')}\n`);

/** Destructive, and without a token: it looks before it acts, as design.md section 3 asks. */
const act: Effect = async (input, { actor, attempt, progress, checkpoint, signal }) => {
  const job = typeof input === 'object' && input !== null && 'job' in input ? Number(input.job) : 0;
  note('begin', actor, job, attempt);
  if (acted.has(attempt)) return null;
  if (progress === null) await checkpoint('acting');
  signal.throwIfAborted();
  note('act', actor, job, attempt);
  acted.add(attempt);
  return null;
};

const store = await openLmdbStore(path);
const clock = systemClock();
const runtime = createRuntime({
  store,
  clock,
  machines: { worker: { machine: worker, version: 1, migrations: {} } },
  effects: { act },
});
const ids = Array.from({ length: Number(count) }, (_, index) => `worker/${index}`);
let finished = 0;
runtime.onTransition(({ actor, at, event, before, after }) => {
  const due = before?.deadlines[event.type];
  if (due !== undefined) note('fired', actor, due, at, clock.now());
  if (after.snapshot.status === 'done') finished += 1;
});
note('start', clock.now());
const report = await runtime.start();
note('restored', report.actors, report.setAside.length);
await Promise.all(ids.map((id, index) => runtime.spawn(id, 'worker', { waitMs: 20 + ((index * 37) % 280) })));
process.stdout.write('ready\n');
if (mode === 'finish') {
  const before = ids.filter((id) => runtime.record(id)?.snapshot.status === 'done').length;
  runtime.onTransition(() => {
    if (finished + before === ids.length)
      void runtime
        .stop()
        .then(() => store.close())
        .then(() => process.exit(0));
  });
  for (const id of ids) runtime.send(id, { type: 'FINISH' });
}
