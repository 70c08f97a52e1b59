/**
 * Run as `node --import tsx test/store/writer-child.ts STORE`: spawns actors durably, and says of each that is durable that it is, and of
 * the store that it takes no more.
 */
import { systemClock } from '../../src/runtime/clock.ts';
import { createRuntime } from '../../src/runtime/runtime.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { worker } from '../runtime/worker-machine.ts';

/** Spawned at once, so that commits hold more than one page. */
const AT_ONCE = 5;

const store = await openLmdbStore(process.argv[2] ?? '');
const runtime = createRuntime({
  store,
  clock: systemClock(),
  machines: { worker: { machine: worker, version: 1, migrations: {} } },
  effects: { act: async () => null },
  log: (_level, message, fields) => process.stdout.write(`${JSON.stringify({ message, ...fields })}\n`),
});
await runtime.start();
process.stdout.write('"ready"\n');
for (let number = 0; ; number += AT_ONCE) {
  const group = Array.from({ length: AT_ONCE }, (_, index) => `worker/${number + index}`);
  await Promise.all(group.map((id) => runtime.spawn(id, 'worker', { waitMs: 10 ** 9 })));
  process.stdout.write(`${JSON.stringify({ durable: group })}\n`);
}
