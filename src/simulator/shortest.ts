import type { SimulationResult } from './outcome.ts';
import type { SimulationOptions } from './simulation.ts';

/** The shortest history that was found to break the same invariant. */
export interface Shortest {
  readonly result: SimulationResult;
  /** How many faults it takes, of how many that had struck before the violation. */
  readonly faults: number;
  readonly ofFaults: number;
  /** How many runs the search took. */
  readonly runs: number;
}

/** Runs that a search may take. It halves the faults each time as long as that works: a hundred faults need some forty. */
const mostRuns = 80;
const hourMs = 3_600_000;

/**
 * Makes a history that breaks an invariant shorter: first it ends with the violation's hour, then faults are left out as long as the same
 * invariant breaks. Source of the search: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input (ddmin), IEEE TSE 2002.
 * `run` carries out one history; a run that throws counts as one that shows nothing.
 */
export async function shortest(
  found: SimulationResult,
  run: (options: SimulationOptions) => Promise<SimulationResult>,
): Promise<Shortest> {
  const invariant = found.violation?.invariant;
  let [best, runs] = [found, 0];
  /** Takes these options if they still show the violation. */
  const shows = async (options: SimulationOptions): Promise<boolean> => {
    if (runs >= mostRuns) return false;
    runs += 1;
    const result = await run(options).catch(() => null);
    if (result === null || result.violation?.invariant !== invariant) return false;
    best = result;
    return true;
  };
  const endSooner = async () => {
    const hours = Math.floor(best.lastFaultMs / hourMs) + 1;
    if (hours < best.options.hours) await shows({ ...best.options, hours });
  };

  const numbers = found.options.only ?? Array.from({ length: found.faultsDrawn }, (_, index) => index + 1);
  await endSooner();
  const needed = await minimal(numbers, (only) => shows({ ...best.options, only }));
  await endSooner();
  return { result: best, faults: needed.length, ofFaults: numbers.length, runs };
}

/** Of a list that shows it, a part that still does, and from which no piece of the last size tried can be taken away. */
async function minimal(
  all: readonly number[],
  shows: (part: readonly number[]) => Promise<boolean>,
): Promise<readonly number[]> {
  if (await shows([])) return [];
  let [left, pieces] = [all, 2];
  while (left.length > 1) {
    const size = Math.ceil(left.length / pieces);
    const starts = Array.from({ length: Math.ceil(left.length / size) }, (_, index) => index * size);
    let smaller: readonly number[] | null = null;
    for (const start of starts) {
      const without = [...left.slice(0, start), ...left.slice(start + size)];
      if (await shows(without)) {
        smaller = without;
        break;
      }
    }
    if (smaller !== null) [left, pieces] = [smaller, Math.max(2, pieces - 1)];
    else if (size === 1) break;
    else pieces = Math.min(left.length, pieces * 2);
  }
  return left;
}
