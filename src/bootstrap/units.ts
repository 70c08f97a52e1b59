import { type NodeFile, nodePaths, plainFile } from './node-files.ts';

/** A service as systemd runs it. The sandbox's small init reads the same file. */
export interface UnitSpec {
  readonly name: string;
  readonly description: string;
  /** Units that are started with it, before it. They may fail without failing it. */
  readonly wants?: readonly string[];
  /** Program and arguments. The program is found in the machine's path. */
  readonly command: readonly string[];
  /** From the end of the process to its next start, in s. */
  readonly restartSeconds: number;
  /** How long it has to end before it is killed, in s; by default systemd's own 90. */
  readonly stopSeconds?: number;
}

/** The unit files of a node. They start again for ever: giving up is the repair ladder's decision, and not systemd's. */
export function unitFile(unit: UnitSpec): NodeFile {
  const wants = (unit.wants ?? []).map((name) => `${name}.service`).join(' ');
  const [program, ...flags] = unit.command;
  const lines = [
    '[Unit]',
    `Description=${unit.description}`,
    ...(wants ? [`Wants=${wants}`, `After=${wants}`] : []),
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `ExecStart=${[program, ...flags].join(' \\\n  ')}`,
    'Restart=always',
    `RestartSec=${unit.restartSeconds}`,
    ...(unit.stopSeconds === undefined ? [] : [`TimeoutStopSec=${unit.stopSeconds}`]),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ];
  return plainFile(`${nodePaths.units}/${unit.name}.service`, lines.join('\n'));
}

/** `--name=value` for each entry; a list is joined by commas. */
export function flags(
  values: Readonly<Record<string, string | number | boolean | readonly string[]>>,
): readonly string[] {
  return Object.entries(values).map(
    ([name, value]) => `--${name}=${typeof value === 'object' ? value.join(',') : value}`,
  );
}
