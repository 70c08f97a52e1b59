import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/runtime/clock.ts';
import { preparePrograms } from '../../src/sandbox/host/programs.ts';
import { runContract } from './contract.ts';
import { masterScenarios, runMasterScenario } from './control-plane/healing.ts';
import type { MasterScenario } from './control-plane/master-scenario.ts';
import { runPieces } from './control-plane/pieces.ts';
import { quickMasterPolicy, quickQuorumPolicy } from './control-plane/settings.ts';
import { openMastersStage } from './control-plane/stage.ts';
import { heal } from './heal.ts';
import { leftovers, runMarker } from './leftovers.ts';
import { apiServerDown } from './node/api-server-down.ts';
import { healing } from './node/healing.ts';
import { storm } from './node/storm.ts';
import { parseOptions, type RunOptions, usage } from './options.ts';
import { resultLines, summary } from './report.ts';
import type { ScenarioResult } from './scenario.ts';
import { settingsHeader } from './settings.ts';
import { openStage, removeFolder, runFolder, type Stage } from './stage.ts';
import { type Patience, until } from './until.ts';

/** A scenario of the group `node`, as the runner sees it. */
interface NodeScenario {
  readonly name: string;
  readonly fault: string;
  readonly smoke?: boolean;
  run(stage: Stage, group: string): Promise<ScenarioResult>;
}

const nodeScenarios: readonly NodeScenario[] = [
  ...healing.map((scenario) => ({
    ...scenario,
    run: (stage: Stage, group: string) => heal(stage, group, scenario),
  })),
  storm,
  apiServerDown,
];

const groups = ['node', 'control-plane', 'contract'] as const;
/** Between two scenarios: a climb that is under way may have to end first. */
const restoreMs = 240_000;
/** After the end the kernel needs a moment for the last processes. */
const vanishMs = 10_000;

const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(options: RunOptions): Promise<number> {
  const clock = systemClock();
  const interrupted = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (interrupted.signal.aborted) process.exit(130);
    say(`\n${signal}: ending everything`);
    interrupted.abort(new Error('interrupted'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const patience = { clock, signal: interrupted.signal };
  const folder = await runFolder(options.dir);
  process.env[runMarker] = folder;

  const results: ScenarioResult[] = [];
  const report = async (result: ScenarioResult) => {
    results.push(result);
    for (const line of resultLines(result)) say(line);
    if (options.json !== null) await appendFile(options.json, `${JSON.stringify(result)}\n`);
  };
  if (options.json !== null) await writeFile(options.json, '');
  const wanted = (name: string) =>
    options.only.length === 0 || options.only.some((part) => name.includes(part));
  const runs = (group: string) => options.groups.length === 0 || options.groups.includes(group);

  try {
    if (runs('node')) {
      const chosen = nodeScenarios.filter(
        ({ name, smoke }) => wanted(name) && (!options.smoke || smoke === true),
      );
      if (chosen.length > 0) await runNode(chosen, { folder, options, patience, report });
    }
    if (runs('control-plane') && !options.smoke && !interrupted.signal.aborted)
      await runPieces({ ...options, ...patience, folder, wanted, say, report });
    if (runs('control-plane') && !interrupted.signal.aborted) {
      const chosen = masterScenarios.filter(
        ({ name, smoke }) => wanted(name) && (!options.smoke || smoke === true),
      );
      if (chosen.length > 0) await runMasters(chosen, { folder, options, patience, report });
    }
    if (runs('contract') && !interrupted.signal.aborted)
      await contractGroup(options, patience, wanted, report);
  } catch (caught) {
    if (!interrupted.signal.aborted)
      await report(
        broken(
          'run',
          'the run itself',
          caught instanceof Error ? (caught.stack ?? caught.message) : String(caught),
        ),
      );
  }
  if (!options.keep) await assertNothingLeft(folder, report);
  const failed = results.filter(({ ok }) => !ok).length;
  const keepFolder = options.keep || failed > 0 || options.dir !== null;
  if (!keepFolder) await removeFolder(folder);
  say(`\n${summary(results)}\n`);
  if (keepFolder) say(`files of this run: ${folder}`);
  if (interrupted.signal.aborted) say('interrupted: not all scenarios were run');
  say(`${results.length - failed} passed, ${failed} failed`);
  return failed > 0 || interrupted.signal.aborted ? 1 : 0;
}

async function runNode(
  chosen: readonly NodeScenario[],
  run: {
    readonly folder: string;
    readonly options: RunOptions;
    readonly patience: Patience;
    readonly report: (result: ScenarioResult) => Promise<void>;
  },
): Promise<void> {
  const { folder, options, patience, report } = run;
  say('group node: settings that differ from the defaults');
  for (const line of settingsHeader()) say(`  ${line}`);
  const stage = await openStage({ folder, programs: options.programs, say, ...patience });
  try {
    for (const scenario of chosen) {
      patience.signal.throwIfAborted();
      await report(
        await scenario
          .run(stage, 'node')
          .catch((caught: unknown) => failedToRun(scenario, caught, patience.signal)),
      );
      await stage.restore(restoreMs);
    }
  } finally {
    await stage.close({ keep: options.keep });
  }
}

async function runMasters(
  chosen: readonly MasterScenario[],
  run: Parameters<typeof runNode>[1],
): Promise<void> {
  const { folder, options, patience, report } = run;
  say(
    'group control-plane: three masters, two workers, and a supervisor; settings that differ from the defaults',
  );
  say(`  policy: ${JSON.stringify(quickMasterPolicy)}`);
  say(`  quorumPolicy: ${JSON.stringify(quickQuorumPolicy)}`);
  const stage = await openMastersStage({ folder, programs: options.programs, say, ...patience });
  try {
    await stage.untilWhole(3, restoreMs);
    for (const scenario of chosen) {
      patience.signal.throwIfAborted();
      await report(await runMasterScenario(stage, scenario));
      if (!stage.supervisor.isAlive()) await stage.supervisor.start({ blind: true });
      await stage.untilWhole(scenario.masters ?? 3, restoreMs);
    }
  } finally {
    await stage.close({ keep: options.keep });
  }
}

/** A scenario that threw counts as failed, unless the whole run was interrupted. */
function failedToRun(scenario: NodeScenario, caught: unknown, signal: AbortSignal): ScenarioResult {
  signal.throwIfAborted();
  return {
    ...broken(
      scenario.name,
      scenario.fault,
      caught instanceof Error ? (caught.stack ?? caught.message) : String(caught),
    ),
    group: 'node',
  };
}

async function contractGroup(
  options: RunOptions,
  patience: Patience,
  wanted: (name: string) => boolean,
  report: (result: ScenarioResult) => Promise<void>,
): Promise<void> {
  say(
    'group contract: the Kubernetes adapter against a real API server, and the etcd adapter against real etcd',
  );
  const { tools } = await preparePrograms({
    ...patience,
    folder: options.programs ?? undefined,
    names: ['etcd', 'etcdutl', 'kube-apiserver'],
    onProgress: (step) => say(`  ${step}`),
  });
  let reports = Promise.resolve();
  await runContract({
    programs: tools,
    wanted,
    onResult: (result) => {
      reports = reports.then(() => report(result));
    },
  });
  await reports;
}

/** Asserts what the sandbox promises: after its end no process of it is there. */
async function assertNothingLeft(
  folder: string,
  report: (result: ScenarioResult) => Promise<void>,
): Promise<void> {
  const patience = { clock: systemClock(), signal: new AbortController().signal };
  const sandbox = join(folder, 'sandbox');
  const look = async () => (await leftovers(folder, sandbox)).length === 0;
  await until(patience, 'all processes to be gone', vanishMs, look).catch(() => undefined);
  const left = await leftovers(folder, sandbox);
  for (const { pid, command } of left) say(`  left: ${pid} ${command}`);
  if (left.length > 0)
    await report(
      broken('nothing-left', 'none: the end of the run', `${left.length} processes were left behind`),
    );
}

function broken(scenario: string, fault: string, failure: string): ScenarioResult {
  return {
    group: 'run',
    scenario,
    ok: false,
    fault,
    faultToReadyMs: null,
    ownMs: null,
    rungs: [],
    measured: {},
    failures: [failure],
  };
}

let options: RunOptions;
try {
  options = parseOptions(process.argv.slice(2), groups);
} catch (caught) {
  process.stderr.write(`${caught instanceof Error ? caught.message : String(caught)}\n\n${usage}`);
  process.exit(2);
}
process.exit(await main(options));
