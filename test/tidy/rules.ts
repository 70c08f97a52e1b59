import { codeOf, type ProjectFile } from './files.ts';

/** A rule of the house that a machine can check, line by line. */
export interface Rule {
  readonly name: string;
  /** Which files it holds for. */
  readonly holds: (path: string) => boolean;
  /** What a line must not hold. Looked for in the code, or with `text` in everything that is written. */
  readonly never: RegExp;
  readonly where: 'code' | 'text';
  /** Files that may, each with its reason. */
  readonly but?: Readonly<Record<string, string>>;
  /** A line that breaks it: the test of the rule. */
  readonly planted: string;
}

const inSource = (path: string) => /^(src|machines)\/.*\.ts$/.test(path);
const isTypeScript = (path: string) => path.endsWith('.ts') && !path.endsWith('.createMachine.ts');
const isOurs = (path: string) => !path.startsWith('test/tidy/');
const inTests = (path: string) => /^test\/.*\.ts$/.test(path) && isOurs(path);

export const rules: readonly Rule[] = [
  {
    name: 'the time comes from the clock that is injected',
    holds: inSource,
    never: /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.now\b|process\.hrtime\b/,
    where: 'code',
    but: { 'src/runtime/clock.ts': 'it is the clock' },
    planted: 'const started = Date.now();',
  },
  {
    name: 'waits go through the clock that is injected',
    holds: inSource,
    never: /\b(setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b|node:timers/,
    where: 'code',
    but: {
      'src/runtime/clock.ts': 'it is the clock',
      'src/cli/client.ts': 'a command asks once and ends: there is no clock to inject',
    },
    planted: 'setTimeout(again, 5);',
  },
  {
    name: 'chance comes from the random source that is injected',
    holds: inSource,
    never: /\bMath\.random\b|\brandom(Bytes|UUID|Int|Fill)\b|\bgetRandomValues\b/,
    where: 'code',
    but: { 'src/runtime/random.ts': 'it is the source' },
    planted: 'const id = randomUUID();',
  },
  {
    name: 'no any',
    holds: isTypeScript,
    never: /(?::|\bas|<|,|\||=>)\s*any\b(?!\s*[:(.])/,
    where: 'code',
    planted: 'const value: any = 5;',
  },
  {
    name: 'no cast over unknown or never',
    holds: inSource,
    never: /\bas unknown as\b|\bas never\b/,
    where: 'code',
    but: {
      'src/effects/as-effect.ts':
        'the runtime hands over the input that the machine made, in the types that the machine declares',
      'src/simulator/auditor.ts': 'as in fleet.ts',
      'src/supervisor/control-plane.ts': 'as in fleet.ts',
      'src/supervisor/control-plane-worlds.ts': 'as in fleet.ts',
      'src/supervisor/explain-quorum.ts': 'as in fleet.ts',
      'src/supervisor/recoveries.ts': 'as in fleet.ts',
      'src/supervisor/fleet.ts':
        'a record that the runtime has checked: its context is what its machine and version say',
      'src/supervisor/page-view.ts': 'as in fleet.ts',
      'src/supervisor/storms.ts': 'as in fleet.ts',
      'src/supervisor/story.ts': 'as in fleet.ts',
      'src/supervisor/supervisor.ts': 'as in fleet.ts',
    },
    planted: 'const node = value as unknown as Node;',
  },
  {
    name: 'the compiler is not silenced',
    holds: (path) => isTypeScript(path) && isOurs(path),
    never: /@ts-(ignore|nocheck|expect-error)/,
    where: 'text',
    planted: '// @ts-ignore',
  },
  {
    name: 'nothing is left to do',
    holds: isOurs,
    never: /\b(TODO|FIXME|XXX|HACK)\b/,
    where: 'text',
    planted: '// TODO: later',
  },
  {
    name: 'every test runs',
    holds: inTests,
    never: /\b(test|it|describe)(\.\w+)*\.(only|skip|todo|failing)\b|\b[fx](it|describe|test)\(/,
    where: 'code',
    planted: "test.only('one', () => {});",
  },
  {
    name: 'things are exported by their name',
    holds: isTypeScript,
    never: /^export default\b/,
    where: 'code',
    planted: 'export default function run() {}',
  },
  {
    name: 'no path of one machine, no host of one workplace',
    holds: isOurs,
    never:
      /(?:^|[^\w.$}])\/(home|Users)\/\w|\/work\/(main|shared)\b|k8sbin|\b(registry\.npmjs\.org|proxy\.golang\.org)\b/,
    where: 'text',
    planted: "const programs = '/home/someone/bin';",
  },
];

/** The lines of a file that break a rule, as `path:line`. */
export function broken(rule: Rule, file: ProjectFile): readonly string[] {
  if (!rule.holds(file.path) || rule.but?.[file.path] !== undefined) return [];
  const text = rule.where === 'code' ? codeOf(file.text) : file.text;
  return text
    .split('\n')
    .flatMap((line, index) => (rule.never.test(line) ? [`${file.path}:${index + 1}`] : []));
}

/** More is two ideas: the file is to be divided. */
const longestFile = 400;
/** Prose and code; a text that cannot be broken may be longer. The formatter breaks code at 110. */
const longestLine = 140;

const longFiles: Readonly<Record<string, string>> = {
  'machines/node.ts': 'one machine is one file, so that it can be read from top to bottom',
  'src/simulator/simulation.ts': 'one history, from its start to its end; what happens in it is beside it',
  'src/simulator/world/cloud.ts': 'one port in memory',
  'src/simulator/world/etcd.ts': 'one port in memory; its members, groups and logs are beside it',
  'src/supervisor/supervisor.ts': 'what is seen, and who is told: the one class that ties both',
  'test/cloud/contract.ts': 'one contract, run against the sandbox and the real cloud',
  'test/etcd/contract.ts': 'one contract, run against real etcd and the simulated one',
};

export function tooLong({ path, text }: ProjectFile): readonly string[] {
  if (!isTypeScript(path)) return [];
  const lines = text.trimEnd().split('\n');
  const faults = lines.flatMap((line, index) =>
    line.length > longestLine && withoutText(line).length > longestLine ? [`${path}:${index + 1}`] : [],
  );
  return lines.length > longestFile && longFiles[path] === undefined ? [path, ...faults] : faults;
}

/** A line without what stands in quotes or between slashes: the formatter cannot break that. */
function withoutText(line: string): string {
  return line
    .replace(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|\/(?:\\.|[^/\\])+\//g, "''")
    .replace(/`.*$/, '`');
}

/** Names that say nothing of what is in a file. */
const emptyNames = ['util', 'utils', 'common', 'helper', 'helpers', 'misc', 'stuff'];

export function emptyName({ path }: ProjectFile): readonly string[] {
  const words = path.toLowerCase().split(/[/.\-_]/);
  return words.some((word) => emptyNames.includes(word)) ? [path] : [];
}
