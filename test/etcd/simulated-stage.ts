import { type Clock, microtasksDone, sleep } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import type { Misfortune } from '../../src/simulator/world/calls.ts';
import type { EtcdProcess } from '../../src/simulator/world/etcd/process.ts';
import { SimulatedEtcd } from '../../src/simulator/world/etcd.ts';
import type { EtcdStage, StagedCluster } from './stage.ts';

/** The longest that a condition is waited for, in virtual ms, and how often it is looked at. */
const untilMs = 60_000;
const lookMs = 50;

export interface SimulatedStage extends EtcdStage {
  readonly etcd: SimulatedEtcd;
  readonly clock: Clock;
  /** What becomes of the next requests, one each; all others are answered. */
  readonly fates: Misfortune[];
  /** Runs it while time passes, as fast as it can. */
  play(run: () => Promise<void>): Promise<void>;
}

/** Clusters in memory, in virtual time. */
export function simulatedStage(seed: number): SimulatedStage {
  const clock = createVirtualClock(1_000_000);
  const fates: Misfortune[] = [];
  const etcd = new SimulatedEtcd({
    clock,
    random: seededRandom(seed),
    misfortune: () => fates.shift() ?? null,
  });
  let places = 0;

  const until: EtcdStage['until'] = async (what, look) => {
    for (const deadline = clock.now() + untilMs; ; ) {
      const found = await look();
      if (found !== null) return found;
      if (clock.now() > deadline) throw new Error(`not in ${untilMs} ms: ${what}`);
      await sleep(clock, lookMs);
    }
  };
  const place = (name: string) => {
    places += 1;
    const address = `10.0.0.${places}`;
    return etcd.place(
      name,
      { endpoint: `https://${address}:2379`, peerUrl: `https://${address}:2380` },
      { data: null },
    );
  };
  const answers = (process: EtcdProcess) =>
    until(`${process.name} answers`, async () =>
      (await etcd.health(process.endpoint, 'linearizable', { timeoutMs: 1_000 })).healthy ? true : null,
    );
  const staged = (processes: EtcdProcess[]): StagedCluster => {
    const find = (name: string) => {
      const process = processes.find((each) => each.name === name);
      if (process === undefined) throw new Error(`no member ${name}`);
      return process;
    };
    return {
      get endpoints() {
        return processes.map(({ endpoint }) => endpoint);
      },
      endpoint: (name) => find(name).endpoint,
      peerUrl: (name) => find(name).peerUrl,
      kill: async (name) => etcd.end(find(name), 'killed'),
      stop: async (name) => etcd.end(find(name), 'stopped'),
      start: async (name) => etcd.start(find(name)),
      forceNewCluster: async (name) => etcd.forceNewCluster(find(name)),
      freeze: (name) => etcd.setFrozen(find(name), true),
      thaw: (name) => etcd.setFrozen(find(name), false),
      wipe: async (name) => {
        find(name).disk = { data: null };
      },
      declareCorrupt: async (name) => etcd.rot(find(name)),
      prepare: async (name) => {
        processes.push(place(name));
      },
    };
  };
  return {
    etcd,
    clock,
    fates,
    until,
    nobody: async () => 'https://10.9.9.9:2379',
    async cluster(size, options = {}) {
      const processes = Array.from({ length: size }, (_, index) => place(`m${index}`));
      etcd.found(processes, options.quotaBytes);
      for (const process of processes) etcd.start(process);
      for (const process of processes) await answers(process);
      return staged(processes);
    },
    async restore(snapshot, options = {}) {
      const process = place('m0');
      etcd.restore(process, snapshot, options.bumpRevisions ?? 0);
      etcd.start(process);
      await answers(process);
      return staged([process]);
    },
    async play(run) {
      let over = false;
      const running = run().finally(() => {
        over = true;
      });
      running.catch(() => {});
      for (let steps = 0; !over; steps++) {
        await microtasksDone();
        if (!over && !clock.step()) throw new Error('nothing will ever happen');
        if (steps > 200_000) throw new Error('it does not end');
      }
      await running;
    },
  };
}
