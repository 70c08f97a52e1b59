import { type FaultKind, faultKinds } from '../src/simulator/faults.ts';
import { simulate as run, type SimulationOptions } from '../src/simulator/simulation.ts';
import { type Benchmark, type Figure, heapBytes } from './figures.ts';

const HOUR_MS = 3_600_000;
const ZONES = 2;
/** Hours of faults of the two runs of each size: what they differ by is what an hour costs, without the start of the cluster. */
const FLEETS = [
  { nodes: 15, hours: [24, 120] },
  { nodes: 1_000, hours: [2, 14] },
  { nodes: 10_000, hours: [1, 5] },
] as const;
/** Strikes many nodes at once: not what is meant by one fault for each node and month. */
const ofMany: readonly FaultKind[] = ['zoneFails', 'poolLiedAbout', 'scaled'];
const faults = faultKinds.filter((kind) => !ofMany.includes(kind));
/**
 * Days with 15 nodes and the faults that each seed draws: how many, after how many to warm up, and what one may cost for 10,000 in 30
 * minutes on two cores.
 */
const SEEDS = 12;
const WARM_UP = 2;
const SEED_GOAL_S = 0.36;
/** Simulated days of the one run whose heap is looked at, at the end of each quarter. */
const LONG_DAYS = 8;

/**
 * Simulated time for the processor's: fleets of three sizes at one fault for each node and month, days full of faults, and what is kept.
 */
export const simulate: Benchmark = async (say) => {
  const figures: Figure[] = [];
  for (const { nodes, hours } of FLEETS) {
    say(`${nodes} nodes`);
    const [short, long] = [await measure(nodes, hours[0]), await measure(nodes, hours[1])];
    const simulatedMs = long.simulatedMs - short.simulatedMs;
    const cpuMs = long.cpuMs - short.cpuMs;
    const faster = simulatedMs / cpuMs;
    figures.push(
      {
        name: `${nodes} nodes: faster than real time`,
        value: faster,
        unit: 'times',
        ...(nodes === 10_000 ? { reach: { atLeast: 1_000 } } : {}),
      },
      {
        name: `${nodes} nodes: node-hours`,
        value: ((nodes * simulatedMs) / HOUR_MS / cpuMs) * 1_000,
        unit: '1/s of a core',
      },
      {
        name: `${nodes} nodes: to start the cluster`,
        value: (short.cpuMs - short.simulatedMs / faster) / 1_000,
        unit: 's of a core',
      },
    );
  }
  say(`${SEEDS} days of 15 nodes`);
  for (let seed = 1; seed <= WARM_UP; seed++) await timed({ seed, nodes: 15, hours: 24, zones: ZONES });
  let cpuMs = 0;
  for (let seed = WARM_UP + 1; seed <= WARM_UP + SEEDS; seed++)
    cpuMs += (await timed({ seed, nodes: 15, hours: 24, zones: ZONES })).cpuMs;
  figures.push({
    name: 'a day of 15 nodes, full of faults',
    value: cpuMs / SEEDS / 1_000,
    unit: 's of a core',
    reach: { atMost: SEED_GOAL_S },
  });
  say(`${LONG_DAYS} days of 1,000 nodes, for what they keep`);
  const kept = await keptInTime();
  figures.push({
    name: `1,000 nodes: heap after ${LONG_DAYS} days over that after ${LONG_DAYS / 4}`,
    value: kept,
    unit: 'times',
    reach: { atMost: 1.1 },
  });
  return figures;
};

function measure(nodes: number, hours: number) {
  return timed({ seed: 1, nodes, hours, zones: ZONES, faults, faultsPerNodeMonth: 1 });
}

/** Processor time of the whole process: on a shared machine it says more than the time on the wall. */
async function timed(options: SimulationOptions) {
  const from = process.cpuUsage();
  const { simulatedMs, violation } = await run(options);
  const { user, system } = process.cpuUsage(from);
  if (violation !== null) process.stderr.write(`seed ${options.seed}: ${violation.what}\n`);
  return { simulatedMs, cpuMs: (user + system) / 1_000 };
}

/** The heap in use at the end of one run's last quarter, over that at the end of its first. */
async function keptInTime(): Promise<number> {
  const heaps: number[] = [];
  await run(
    { seed: 1, nodes: 1_000, hours: LONG_DAYS * 24, zones: ZONES, faults, faultsPerNodeMonth: 1 },
    { everyMs: (LONG_DAYS / 4) * 24 * HOUR_MS, tell: () => heaps.push(heapBytes()) },
  );
  const [first] = heaps;
  const last = heaps.at(-1);
  if (first === undefined || last === undefined || heaps.length < 3) throw new Error('the run was too short');
  return last / first;
}
