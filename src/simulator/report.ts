import type { SimulationResult } from './outcome.ts';

/** Runs together, as plain data. Times in ms. */
export interface Report {
  readonly seeds: number;
  readonly simulatedHours: number;
  readonly nodeHours: number;
  readonly availability: number;
  /** Time to repair, by fault and the dearest rung that began meanwhile. */
  readonly repairs: readonly {
    readonly fault: string;
    readonly rung: string;
    readonly count: number;
    readonly medianMs: number;
    readonly longestMs: number;
  }[];
  readonly actions: Readonly<Record<string, number>>;
  /** How often an invariant was looked at. */
  readonly checks: number;
  readonly violations: readonly {
    readonly seed: number;
    readonly invariant: number;
    readonly what: string;
    readonly story: readonly string[];
    readonly replay: string;
  }[];
}

/** The command that runs exactly this history again. */
export function replayCommand({ seed, options }: SimulationResult): string {
  const { nodes, hours, zones, faults } = options;
  const mix = faults === undefined ? '' : ` --faults ${faults.join(',')}`;
  return `wdrip simulate --seed ${seed} --nodes ${nodes} --hours ${hours} --zones ${zones}${mix}`;
}

export function reportOf(results: readonly SimulationResult[]): Report {
  const groups = new Map<string, { fault: string; rung: string; times: number[] }>();
  const actions = new Map<string, number>();
  for (const result of results) {
    for (const { fault, rung, ms } of result.repairs) {
      const group = groups.get(`${fault} ${rung}`) ?? { fault, rung, times: [] };
      group.times.push(ms);
      groups.set(`${fault} ${rung}`, group);
    }
    for (const [call, count] of Object.entries(result.actions))
      actions.set(call, (actions.get(call) ?? 0) + count);
  }
  const sum = (of: (result: SimulationResult) => number) =>
    results.reduce((total, each) => total + of(each), 0);
  const hours = (result: SimulationResult) => result.simulatedMs / 3_600_000;
  const nodeHours = sum((result) => hours(result) * result.options.nodes);
  return {
    seeds: results.length,
    simulatedHours: sum(hours),
    nodeHours,
    availability:
      nodeHours === 0
        ? 1
        : sum((result) => result.availability * hours(result) * result.options.nodes) / nodeHours,
    repairs: [...groups.values()]
      .map(({ fault, rung, times }) => {
        times.sort((a, b) => a - b);
        const medianMs = times[Math.floor(times.length / 2)] ?? 0;
        return { fault, rung, count: times.length, medianMs, longestMs: times.at(-1) ?? 0 };
      })
      .sort((a, b) => a.fault.localeCompare(b.fault, 'en') || a.medianMs - b.medianMs),
    actions: Object.fromEntries([...actions].sort(([a], [b]) => (a < b ? -1 : 1))),
    checks: sum(({ checks }) => checks),
    violations: results.flatMap((result) =>
      result.violation === null
        ? []
        : [{ seed: result.seed, ...result.violation, story: result.story, replay: replayCommand(result) }],
    ),
  };
}

/** For people. */
export function reportText(report: Report): string {
  const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`;
  const lines = [
    `${report.seeds} seeds, ${report.simulatedHours.toFixed(1)} hours, ${Math.round(report.nodeHours)} node-hours`,
    `availability of the nodes: ${(report.availability * 100).toFixed(3)} %`,
    '',
    'fault              dearest rung       times    median   longest',
    ...report.repairs.map(
      ({ fault, rung, count, medianMs, longestMs }) =>
        `${fault.padEnd(18)} ${rung.padEnd(18)} ${String(count).padStart(5)} ${seconds(medianMs).padStart(9)} ${seconds(longestMs).padStart(9)}`,
    ),
    '',
    `what wdrip did: ${Object.entries(report.actions)
      .map(([call, count]) => `${call} ${count}`)
      .join(', ')}`,
    `invariants looked at: ${report.checks} times, violations: ${report.violations.length}`,
    ...report.violations.flatMap(({ seed, invariant, what, story, replay }) => [
      '',
      `seed ${seed} breaks invariant ${invariant}: ${what}`,
      ...story.map((line) => `  ${line}`),
      `run it again: ${replay}`,
    ]),
  ];
  return `${lines.join('\n')}\n`;
}
