import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { type RunningCommand, startWdrip, wdrip } from './command.ts';

/** Each command loads its libraries anew, and so does each of its workers: seconds on a busy machine. */
jest.setTimeout(120_000);

const bin = fileURLToPath(new URL('../../bin/wdrip.js', import.meta.url));
/** The most that Ctrl-C may take, in ms: a machine that is busy with something else is slow. */
const promptMs = 10_000;
const small = ['--nodes', '4', '--hours', '1'];

/** Waits until `sees` gives something. */
async function until<T>(sees: () => T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const seen = sees();
    if (seen !== undefined && seen !== false) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not happen in time');
}

let running: RunningCommand | null = null;

afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.ended;
  running = null;
});

interface Child {
  readonly pid: number;
  readonly args: string;
}

/** All processes that a command has started, and those that they have: workers, and the loader of the sources of each. */
function descendants(pid: number): readonly Child[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const [, id, args = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return id === undefined ? [] : [{ pid: Number(id), args }, ...descendants(Number(id))];
  });
}

/** The workers of a command, as soon as all are there. */
function workersOf({ process: { pid = 0 } }: RunningCommand, count = 2): Promise<readonly number[]> {
  return until(() => {
    const workers = descendants(pid).filter(({ args }) => args.includes('simulate worker'));
    return workers.length === count && workers.map((worker) => worker.pid);
  });
}

describe('wdrip simulate', () => {
  test('one history, byte for byte, in any time zone, language, engine and number of jobs', async () => {
    const args = ['simulate', '--seed', '5', '--seeds', '3', ...small, '--json'];
    const engine = ['--stack-size=2000', '--no-opt', '--max-semi-space-size=1'];
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      TZ: 'America/St_Johns',
      LC_ALL: 'tr_TR.UTF-8',
    };
    const [one, other, two] = await Promise.all([
      wdrip([...args, '--jobs', '1'], { TZ: 'Pacific/Apia', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' }),
      wdrip(['simulate', '--seed', '6', '--seeds', '3', ...small, '--json']),
      promisify(execFile)(process.execPath, [...engine, bin, ...args, '--jobs', '2'], { env }),
    ]);
    expect(one.status).toBe(0);
    expect(two.stdout).toBe(one.stdout);
    const { digest } = z.object({ digest: z.string() }).parse(JSON.parse(one.stdout));
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse(other.stdout)).not.toMatchObject({ digest });
  });

  test('the report for people, and nothing on standard error that is no terminal', async () => {
    const { status, stdout, stderr } = await wdrip(['simulate', '--seeds', '2', ...small, '--jobs', '2']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^2 seeds: \d+ simulated hours/);
    expect(stdout).toMatch(/^8 +every node is Ready again when the faults are over +\d+ +held$/m);
  });

  test.each([
    [['--seeds', '0'], '--seeds must be a whole number from 1 to 1000000, not ‹0›'],
    [['--seed', '1e3'], '--seed must be a whole number from 0 to 4294967295, not ‹1e3›'],
    [['--seed', '4294967295', '--seeds', '2'], 'the last seed would be larger than 4294967295'],
    [['--masters', '2'], '--masters must be one of 0, 1, 3, 5, not ‹2›'],
    [['--faults', 'blip,flood'], 'there is no fault ‹flood›; there are blip, '],
    [['--only', '3,x'], '--only must be a whole number from 1 to 1000000, not ‹x›'],
    [['--only', '3', '--seeds', '2'], '--only names faults of one seed: it does not go with --seeds'],
    [['--jobs', '0'], '--jobs must be a whole number from 1 to 256, not ‹0›'],
    [['--nodes'], "error: option '--nodes <n>' argument missing"],
    [['--speed', '2'], "error: unknown option '--speed'"],
    [['everything'], "error: too many arguments for 'simulate'"],
  ])('%j is not understood: status 2, and what is wrong', async (args, said) => {
    const { status, stdout, stderr } = await wdrip(['simulate', ...args]);
    expect(stderr).toContain(said);
    expect([status, stdout]).toEqual([2, '']);
  });

  // Of a year of fifty nodes a run takes minutes: whoever waits for its end is not prompt.
  test.each([
    ['1', 'short runs', small],
    ['2', 'short runs', small],
    ['1', 'a run that is far from its end', ['--nodes', '50', '--hours', '8760', '--masters', '3']],
    ['2', 'a run that is far from its end', ['--nodes', '50', '--hours', '8760', '--masters', '3']],
  ])(
    'Ctrl-C with --jobs %s in %s: a report of what ran, status 1, and no process left',
    async (jobs, _, size) => {
      running = startWdrip(['simulate', '--seeds', '100000', ...size, '--jobs', jobs, '--json']);
      await workersOf(running, Number(jobs));
      const { pid = 0 } = running.process;
      const started = descendants(pid);
      const pressedAt = Date.now();
      running.process.kill('SIGINT');
      const { status, stdout, stderr } = await running.ended;
      expect(Date.now() - pressedAt).toBeLessThan(promptMs);
      expect(status).toBe(1);
      const done = /^wdrip: SIGINT after (\d+) of 100000 seeds\n$/.exec(stderr)?.[1];
      expect(JSON.parse(stdout)).toMatchObject({ seeds: Number(done), failed: 0, failures: [] });
      for (const each of started) await until(() => !isAlive(each.pid));
    },
  );

  test('a worker that is killed is a failed run that names its seed; the others go on', async () => {
    running = startWdrip([
      'simulate',
      '--seeds',
      '6',
      '--nodes',
      '12',
      '--hours',
      '6',
      '--jobs',
      '2',
      '--json',
    ]);
    const [worker = 0] = await workersOf(running);
    process.kill(worker, 'SIGKILL');
    const { status, stdout } = await running.ended;
    expect(status).toBe(1);
    const report = z
      .object({ seeds: z.number(), failures: z.array(z.object({ seed: z.number(), what: z.string() })) })
      .parse(JSON.parse(stdout));
    expect(report.seeds).toBe(6);
    expect(report.failures).toHaveLength(1);
    const [{ seed, what } = { seed: 0, what: '' }] = report.failures;
    expect(what).toContain(
      `the process that ran seed ${seed} died (SIGKILL). Run it alone: wdrip simulate --seed ${seed} `,
    );
  });

  test('a worker ends when the command that started it is gone', async () => {
    running = startWdrip(['simulate', '--seeds', '100000', ...small, '--jobs', '2']);
    const workers = await workersOf(running);
    running.process.kill('SIGKILL');
    await running.ended;
    for (const pid of workers) await until(() => !isAlive(pid));
  });
});

/** A process that has ended and that nobody has asked for yet is none. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}
