import { type Benchmark, type Figure, reaches } from './figures.ts';
import { describeMachine } from './machine.ts';

/** npm run bench -- NAME [--json]. Each benchmark compares within one run. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  backup: async () => (await import('./backup.ts')).backup,
  runtime: async () => (await import('./runtime.ts')).runtime,
  simulate: async () => (await import('./simulate.ts')).simulate,
};

const names = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const asJson = process.argv.includes('--json');
const [name] = names;
const load = name === undefined ? undefined : benchmarks[name];
if (!load || names.length !== 1) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json]\nNAME is one of: ${Object.keys(benchmarks).join(', ')}\n`,
  );
  process.exit(2);
}
const run = await load();
const figures = await run((what) => process.stderr.write(`${what}\n`));
const machine = describeMachine();
process.stdout.write(asJson ? `${JSON.stringify(toJson(figures), null, 2)}\n` : toTable(figures));

function toJson(all: readonly Figure[]) {
  return {
    benchmark: name,
    machine,
    figures: Object.fromEntries(all.map(({ name: figure, ...rest }) => [figure, rest])),
  };
}

function toTable(all: readonly Figure[]): string {
  const rows = all.map((figure) => [figure.name, round(figure.value), figure.unit, verdict(figure)]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map(([what = '', value = '', unit = '', word = '']) =>
    [what.padEnd(widths[0] ?? 0), value.padStart(widths[1] ?? 0), unit.padEnd(widths[2] ?? 0), word]
      .join('  ')
      .trimEnd(),
  );
  return [`${machine.cpu}, ${machine.cores} cores, node ${machine.node}`, ...lines, ''].join('\n');
}

function verdict(figure: Figure): string {
  const { reach } = figure;
  if (!reach) return '';
  const bound = 'atMost' in reach ? `at most ${round(reach.atMost)}` : `at least ${round(reach.atLeast)}`;
  return `${reaches(figure) ? 'reached' : 'MISSED'}: ${bound}`;
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}
