import { parseArgs } from 'node:util';

/** What a run of the scenarios was asked for. */
export interface RunOptions {
  /** Groups to run; empty: all. */
  readonly groups: readonly string[];
  readonly smoke: boolean;
  readonly json: string | null;
  readonly programs: string | null;
  /** Leave the sandbox up at the end. */
  readonly keep: boolean;
  /** Only scenarios whose name contains one of these. */
  readonly only: readonly string[];
  readonly dir: string | null;
}

export const usage = `npm run e2e -- [GROUP…] [--smoke] [--json FILE] [--programs DIR] [--keep] [--only NAME] [--dir DIR]

  GROUP           node (heals broken nodes on a real control plane), control-plane (three masters and the
                  pieces that they are repaired with), contract (the Kubernetes adapter against a real API); by default all
  --smoke         only the most telling scenarios of each group
  --json FILE     writes one object a scenario, as JSON lines
  --programs DIR  a folder with etcd's and Kubernetes' programs; by default PATH or the user's cache, where they are built
  --only NAME     only scenarios whose name contains this; may be given more than once
  --dir DIR       where the sandbox and the log go; by default a new temporary folder
  --keep          leaves the sandbox up
`;

/** Reads the arguments. Throws an Error that says what is wrong. */
export function parseOptions(argv: readonly string[], known: readonly string[]): RunOptions {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      smoke: { type: 'boolean', default: false },
      json: { type: 'string' },
      programs: { type: 'string' },
      keep: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      dir: { type: 'string' },
    },
  });
  const unknown = positionals.find((group) => !known.includes(group));
  if (unknown !== undefined) throw new Error(`there is no group ${unknown}; there are: ${known.join(', ')}`);
  const { smoke, keep, only, json = null, programs = null, dir = null } = values;
  return { groups: positionals, smoke, keep, only, json, programs, dir };
}
