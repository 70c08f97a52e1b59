import { sleep } from '../../../src/runtime/clock.ts';
import type { SandboxInstance } from '../../../src/sandbox/admin-client.ts';
import { createChecks, type ScenarioResult } from '../scenario.ts';
import type { StateChange } from '../story.ts';
import { until } from '../until.ts';
import { backupsDamaged } from './backups-damaged.ts';
import { deleteAll, type MasterScenario, sourceOf } from './master-scenario.ts';
import { mostGapMs, mostOwnRestoreMs, mostRestoreMs } from './settings.ts';
import type { MastersStage } from './stage.ts';

/** The change log is shipped every second; a slow machine takes a moment longer. In ms. */
const lastMomentsMs = 3_000;
/** How long a fault that a person undoes by hand lasts: within the confirmation, which takes six checks of 3 s and more. */
const byHandMs = 9_000;
/** How long an informer that was open before may take to show what is there, in ms. */
const informerMs = 60_000;

async function some(stage: MastersStage, index: number): Promise<SandboxInstance> {
  const all = await stage.masters();
  const found = all[index % all.length];
  if (found === undefined) throw new Error('there is no master');
  return found;
}

const shell = async (stage: MastersStage, id: string, script: string) => {
  const { exitCode, stderr } = await stage.sandbox.exec(id, ['sh', '-c', script]);
  if (exitCode !== 0) throw new Error(`‹${script}› on ${id} ended with ${exitCode}: ${stderr}`);
};
export const masterScenarios: readonly MasterScenario[] = [
  {
    name: 'master-node-object-deleted',
    fault: "a master's Node object is deleted",
    outage: 'election',
    limitMs: 90_000,
    run: async (stage) => stage.deleteNode((await some(stage, 0)).id),
  },
  {
    name: 'master-wiped',
    fault: "a master's etcd is stopped and its data deleted, its kubelet and runtime stopped",
    smoke: true,
    outage: 'election',
    limitMs: 240_000,
    async run(stage) {
      const { id } = await some(stage, 1);
      await shell(
        stage,
        id,
        'systemctl stop etcd kubelet containerd; rm -rf "$WDRIP_ROOT/var/lib/etcd/member"',
      );
    },
  },
  {
    name: 'master-instance-stopped',
    fault: "a master's instance is stopped",
    outage: 'election',
    limitMs: 180_000,
    run: async (stage) => stage.sandbox.cloud.stop((await some(stage, 2)).id, { force: true }),
  },
  {
    name: 'master-instance-deleted',
    fault: "a master's instance is deleted",
    outage: 'election',
    limitMs: 240_000,
    run: async (stage) => void (await deleteAll(stage, [await some(stage, 0)])),
  },
  {
    name: 'two-stopped-and-started-by-hand',
    fault: 'two masters are stopped, and started again by hand within the confirmation',
    outage: 'byHand',
    limitMs: 180_000,
    async run(stage, checks) {
      const from = stage.clock.now();
      const victims = (await stage.masters()).slice(0, 2);
      await Promise.all(victims.map(({ id }) => stage.sandbox.cloud.stop(id, { force: true })));
      await sleep(stage.clock, byHandMs, stage.signal);
      await Promise.all(victims.map(({ id }) => stage.sandbox.cloud.start(id).catch(() => undefined)));
      return async () => {
        const restores = stage
          .changes(from)
          .filter(({ actor, to }) => actor.startsWith('recovery/') || to === 'lost.restoring');
        checks.equal(
          'recoveries',
          restores.map(({ actor, to }) => [actor, to]),
          [],
        );
      };
    },
  },
  {
    name: 'two-lost',
    fault: 'two masters are deleted with their data at the same time',
    outage: 'restore',
    limitMs: 420_000,
    async run(stage, checks) {
      const from = stage.clock.now();
      await deleteAll(stage, (await stage.masters()).slice(1));
      return async () => checks.equal('the survivor’s data carried on', sourceOf(stage, from), 'member');
    },
  },
  {
    name: 'all-lost',
    fault: 'all three masters are deleted with their data',
    smoke: true,
    outage: 'restore',
    loses: 'lastMoments',
    limitMs: 480_000,
    async run(stage, checks) {
      await stage.backUp();
      const from = stage.clock.now();
      await deleteAll(stage, await stage.masters());
      return async () => checks.equal('the backup was restored', sourceOf(stage, from), 'backup');
    },
  },
  {
    name: 'all-lost-disks-worn',
    fault: 'all three masters have lost their data, and their disks take no writes any more',
    outage: 'restore',
    loses: 'lastMoments',
    limitMs: 900_000,
    async run(stage, checks) {
      await stage.backUp();
      const from = stage.clock.now();
      const before = await stage.masters();
      // Root may write anywhere else: what must be a directory is a file.
      const script =
        'systemctl stop etcd; cd "$WDRIP_ROOT/var/lib"; rm -rf etcd/member wdrip; echo worn > wdrip';
      await Promise.all(before.map(({ id }) => shell(stage, id, script)));
      return async () => {
        checks.equal('the backup was restored', sourceOf(stage, from), 'backup');
        const after = (await stage.masters()).map(({ id }) => id);
        checks.equal(
          'one of the bodies at least is new',
          before.every(({ id }) => after.includes(id)),
          false,
        );
      };
    },
  },
  {
    name: 'all-instances-deleted',
    fault: 'all instances of the cluster are deleted at the same time, the masters and the workers',
    outage: 'restore',
    loses: 'lastMoments',
    workers: 'lost',
    limitMs: 900_000,
    async run(stage, checks) {
      await stage.backUp();
      const from = stage.clock.now();
      const before = await stage.instances();
      await deleteAll(stage, before);
      return async () => {
        checks.equal('the backup was restored', sourceOf(stage, from), 'backup');
        const after = await stage.instances();
        checks.equal('instances', after.length, before.length);
        checks.that('every instance is new', !before.some(({ id }) => after.some((each) => each.id === id)));
      };
    },
  },
  ...backupsDamaged,
  {
    name: 'masters-3-5-3-1-3',
    fault: 'none: the number of masters is set to 5, 3, 1 and 3',
    outage: 'election',
    limitMs: 900_000,
    async run(stage) {
      for (const count of [5, 3, 1, 3]) {
        await stage.scale(count);
        await stage.untilWhole(count, 240_000);
      }
    },
  },
  ...(['master-instance-deleted', 'two-lost', 'all-lost'] as const).map(killedThroughout),
];

/**
 * The same fault; the supervisor is killed as soon as the quorum's, a recovery's or the victim's actor has entered a state, once a state.
 */
function killedThroughout(of: 'master-instance-deleted' | 'two-lost' | 'all-lost'): MasterScenario {
  const scenario = () => {
    const found = masterScenarios.find(({ name }) => name === of);
    if (found === undefined) throw new Error(`there is no scenario ${of}`);
    return found;
  };
  return {
    name: `${of}-killed-at-each-step`,
    fault: `${of}, while the supervisor is killed in each step of the repair and started again`,
    outage: of === 'master-instance-deleted' ? 'election' : 'restore',
    ...(of === 'all-lost' ? { loses: 'lastMoments' as const } : {}),
    limitMs: 900_000,
    async run(stage, checks) {
      const done = new Set<string>();
      const kills: Promise<void>[] = [];
      let busy = false;
      const end = stage.supervisor.onLine(({ message }) => {
        const [, actor, to] = /^(quorum|recovery\/\S+|control-plane-\d): \S+ → (\S+)$/.exec(message) ?? [];
        if (actor === undefined || to === undefined || busy || !isStep.test(to)) return;
        const step = `${actor.split('/')[0]?.replace(/-\d$/, '')} ${to}`;
        if (done.has(step)) return;
        done.add(step);
        busy = true;
        kills.push(
          (async () => {
            await stage.supervisor.kill();
            await stage.supervisor.start({ blind: true });
            busy = false;
          })(),
        );
      });
      const after = await scenario().run(stage, checks);
      return async () => {
        end();
        await Promise.all(kills);
        checks.that('the supervisor was killed in several steps', done.size >= 3, [...done]);
        await after?.();
      };
    },
  };
}

/** Steps in which something is under way. Waiting for time to pass is none. */
const isStep =
  /^(degraded\.(takingOut|replacingMember)|lost\.(reviving|choosingSource|restoring|verifying)|lost\.rejoining\.(replacingMember|promotingFound)|preparingMaster|stoppingControlPlane|keepingOldData|restoringData|replayingChanges|startingControlPlane|reconciling|repairing\.replacing\.(draining|acting))/;

/** Runs one, and looks at how it came out. */
export async function runMasterScenario(
  stage: MastersStage,
  scenario: MasterScenario,
): Promise<ScenarioResult> {
  const { clock, writer } = stage;
  const checks = createChecks();
  const measured: Record<string, number | string | boolean> = {};
  const podsBefore = await stage.pods();
  const from = clock.now();
  let readyMs: number | null = null;
  let ownMs: number | null = null;
  try {
    const after = await scenario.run(stage, checks);
    const faultAt = clock.now();
    // The repair is not over before it has begun.
    if (scenario.outage !== 'election' || !scenario.name.startsWith('masters-'))
      await until(stage, 'the fault to be seen', scenario.limitMs, () => stage.changes(from).length > 0);
    await stage.untilWhole(scenario.masters ?? 3, scenario.limitMs);
    readyMs = clock.now() - faultAt;
    await after?.();
    await stage.untilWhole(scenario.masters ?? 3, scenario.limitMs);
    const gapMs = writer.longestGapMs(from);
    measured.gapMs = gapMs;
    if (scenario.outage === 'election')
      checks.that(`the API stays writable, but for at most ${mostGapMs} ms`, gapMs <= mostGapMs, gapMs);
    if (scenario.outage === 'restore') {
      const times = restoreTimes(stage.changes(from));
      if (times === null) checks.that('the quorum was restored', false);
      else {
        const writableAt = writer.firstAfter(times.restoringAt) ?? clock.now();
        measured.confirmedAfterMs = times.confirmedAt - from;
        measured.confirmedToWritableMs = writableAt - times.confirmedAt;
        ownMs = times.ownMs;
        const killed = scenario.name.endsWith('killed-at-each-step');
        if (!killed) {
          checks.that(
            `writable at most ${mostRestoreMs} ms after the confirmed loss`,
            writableAt - times.confirmedAt <= mostRestoreMs,
            writableAt - times.confirmedAt,
          );
          checks.that(
            `wdrip's own part is at most ${mostOwnRestoreMs} ms`,
            times.ownMs <= mostOwnRestoreMs,
            times.ownMs,
          );
        }
      }
    }
    const lost = await writer.lost();
    measured.writes = writer.since(from).length;
    measured.lostWrites = lost.length;
    if (scenario.loses === undefined) checks.equal('acknowledged writes that are lost', lost.length, 0);
    else {
      const oldest = Math.min(...lost.map(({ at }) => at), Number.POSITIVE_INFINITY);
      const before = lost.length === 0 ? 0 : Math.max(0, faultOf(stage, from) - oldest);
      measured.lostBeforeFaultMs = before;
      checks.that(
        `writes that are lost are of the last ${lastMomentsMs} ms`,
        before <= lastMomentsMs,
        before,
      );
      const said = stage.supervisor
        .lines(from)
        .some(({ message }) => message === 'the changes since the snapshot are back');
      checks.that('what is lost is reported', said);
    }
    await stage.reader.untilConsistent(informerMs);
    if (scenario.workers === 'lost') await stage.workload.untilWhole(scenario.limitMs);
    else {
      const podsAfter = await stage.pods();
      const gone = [...podsBefore.keys()].filter((uid) => !podsAfter.has(uid));
      const restarted = [...podsAfter].filter(([uid, count]) => count > (podsBefore.get(uid) ?? 0));
      checks.equal("workers' pods that did not run on", gone.length + restarted.length, 0);
    }
  } catch (caught) {
    stage.signal.throwIfAborted();
    checks.that(caught instanceof Error ? (caught.stack ?? caught.message) : String(caught), false);
  }
  return {
    group: 'control-plane',
    scenario: scenario.name,
    ok: checks.failures.length === 0,
    fault: scenario.fault,
    faultToReadyMs: readyMs,
    ownMs,
    rungs: [],
    measured,
    failures: checks.failures,
  };
}

/** When the last write before the outage was acknowledged: the fault took its effect right after. */
function faultOf({ writer }: MastersStage, from: number): number {
  const all = writer.since(from);
  let [last, longest, at] = [from, 0, from];
  for (const each of all) {
    if (each.at - last > longest) [longest, at] = [each.at - last, last];
    last = each.at;
  }
  return at;
}

/** When the loss was confirmed, and wdrip's own part from there: all but what its programs and commands took. In ms. */
function restoreTimes(
  changes: readonly StateChange[],
): { confirmedAt: number; restoringAt: number; ownMs: number } | null {
  const confirmed = changes.find(({ actor, to }) => actor === 'quorum' && to === 'lost.reviving');
  const restoring = changes.find(({ actor, to }) => actor === 'quorum' && to === 'lost.restoring');
  const over = changes.filter(({ actor, to }) => actor.startsWith('recovery/') && to === 'recovered').at(-1);
  if (confirmed === undefined || restoring === undefined || over === undefined) return null;
  const isWait = (state: string) => state === 'lost.reviving' || state.endsWith('.working');
  let waited = 0;
  for (const change of changes) {
    if (change.at < confirmed.at || change.at > over.at) continue;
    if (isWait(change.from)) {
      const began = changes
        .filter(({ actor, to, at }) => actor === change.actor && to === change.from && at <= change.at)
        .at(-1);
      if (began !== undefined) waited += change.at - Math.max(began.at, confirmed.at);
    }
  }
  return { confirmedAt: confirmed.at, restoringAt: restoring.at, ownMs: over.at - confirmed.at - waited };
}
