import { cloudTags } from '../../../src/cloud/port.ts';
import { sleep } from '../../../src/runtime/clock.ts';
import type { HealScenario } from '../heal.ts';
import { type Kill, killed } from '../kills.ts';
import type { Stage, Worker } from '../stage.ts';
import { until } from '../until.ts';
import { faults, setStock } from './faults.ts';

const minute = 60_000;

const deleteNodeObject: HealScenario = {
  name: 'delete-node-object',
  fault: 'kubectl delete node',
  inject: faults.deleteNodeObject,
  rungs: ['restartingKubelet'],
  actions: {},
  kubeletRestarts: 1,
  limitMs: minute,
};

const kubeletStopped: HealScenario = {
  name: 'kubelet-stopped',
  fault: 'systemctl stop kubelet on the instance',
  smoke: true,
  inject: faults.kubeletStopped,
  rungs: ['restartingKubelet'],
  actions: {},
  kubeletRestarts: 1,
  limitMs: minute,
};

const runtimeStopped: HealScenario = {
  name: 'runtime-stopped',
  fault: 'systemctl stop containerd on the instance',
  inject: faults.runtimeStopped,
  rungs: ['restartingKubelet'],
  actions: {},
  kubeletRestarts: 1,
  limitMs: 2 * minute,
};

const instanceStopped: HealScenario = {
  name: 'instance-stopped',
  fault: "the instance is stopped through the ECS API, behind wdrip's back",
  inject: faults.instanceStopped,
  rungs: ['rebooting'],
  actions: { StartInstance: 1 },
  kubeletRestarts: 0,
  limitMs: 2 * minute,
};

const instanceDeleted: HealScenario = {
  name: 'instance-deleted',
  fault: "the instance is deleted through the ECS API, behind wdrip's back",
  smoke: true,
  inject: faults.instanceDeleted,
  rungs: ['replacing'],
  actions: { RunInstances: 1 },
  kubeletRestarts: 0,
  limitMs: 2 * minute,
};

const kubeletCrashes: HealScenario = {
  name: 'kubelet-crashes-until-reboot',
  fault: 'a kubelet that crashes until the instance boots again',
  inject: faults.kubeletCrashesUntilBoot,
  rungs: ['restartingKubelet', 'rebooting'],
  actions: { RebootInstance: 1 },
  kubeletRestarts: 1,
  limitMs: 3 * minute,
};

const diskBroken: HealScenario = {
  name: 'disk-broken',
  fault: "the kubelet's configuration on the system disk is destroyed",
  inject: faults.diskBroken,
  rungs: ['restartingKubelet', 'rebooting', 'rebooting', 'resetting'],
  actions: {
    RebootInstance: 2,
    StopInstance: 1,
    ModifyInstanceAttribute: 1,
    ReplaceSystemDisk: 1,
    StartInstance: 1,
  },
  kubeletRestarts: 1,
  limitMs: 4 * minute,
};

const cannotBoot: HealScenario = {
  name: 'cannot-boot',
  fault: 'an instance whose system died and never boots again',
  inject: faults.cannotBoot,
  rungs: ['restartingKubelet', 'rebooting', 'rebooting', 'resetting', 'replacing'],
  actions: {
    RebootInstance: 2,
    StopInstance: 1,
    ModifyInstanceAttribute: 1,
    ReplaceSystemDisk: 1,
    StartInstance: 1,
    DeleteInstance: 1,
    RunInstances: 1,
  },
  kubeletRestarts: 1,
  limitMs: 5 * minute,
};

/** Waits until the slot has entered the state for the nth time since. */
async function untilEntered(
  stage: Stage,
  victim: Worker,
  state: string,
  times: number,
  since: number,
  limitMs: number,
) {
  const count = () =>
    stage.changes(since).filter(({ actor, to }) => actor === victim.slot && to === state).length;
  await until(stage, `${victim.slot} to be ${state} ${times} times`, limitMs, () => count() >= times);
}

const nothingCures: HealScenario = {
  name: 'nothing-cures',
  fault:
    'no instance of the slot ever boots, neither this one nor its replacement; lifted in the second climb',
  inject: faults.cannotBoot,
  async meanwhile(stage, victim, faultAt) {
    const lifted = new AbortController();
    const breaking = breakWhateverComes(stage, victim, lifted.signal);
    await untilEntered(stage, victim, 'throttled', 1, faultAt, 5 * minute);
    await untilEntered(stage, victim, 'repairing.rebooting.admitting', 3, faultAt, minute);
    lifted.abort(new Error('lifted'));
    await breaking;
  },
  rungs: [
    ...['restartingKubelet', 'rebooting', 'rebooting', 'resetting', 'replacing'],
    ...['restartingKubelet', 'rebooting'],
  ],
  actions: { ...cannotBoot.actions, RebootInstance: 3 },
  kubeletRestarts: 2,
  limitMs: 7 * minute,
};

/** How often the slot is looked at for a new instance, in ms: it takes longer to boot than this. */
const breakEveryMs = 30;

/** Makes every instance that comes into the slot unable to boot, until the signal; then able again. */
async function breakWhateverComes(stage: Stage, victim: Worker, lifted: AbortSignal): Promise<void> {
  const { admin } = stage.sandbox;
  const broken = new Set([victim.instance]);
  while (!lifted.aborted) {
    stage.signal.throwIfAborted();
    for (const { id, tags } of await admin.instances()) {
      if (tags[cloudTags.slot] !== victim.slot || broken.has(id)) continue;
      broken.add(id);
      await admin.setCondition(id, { unbootable: true });
    }
    await sleep(stage.clock, breakEveryMs, lifted).catch(() => undefined);
  }
  const there = new Set((await admin.instances()).map(({ id }) => id));
  for (const id of broken) if (there.has(id)) await admin.setCondition(id, { unbootable: false });
}

const noStock: HealScenario = {
  name: 'no-stock',
  fault: 'the instance is deleted, and no zone has another one to give; lifted in the second throttle',
  async inject(stage, victim) {
    await setStock(stage, false);
    await faults.instanceDeleted(stage, victim);
  },
  async meanwhile(stage, victim, faultAt) {
    await untilEntered(stage, victim, 'throttled', 2, faultAt, 2 * minute);
    await setStock(stage, true);
  },
  rungs: ['replacing', 'replacing', 'replacing'],
  actions: { RunInstances: 1 },
  kubeletRestarts: 0,
  limitMs: 3 * minute,
};

function killedAs(name: string, scenario: HealScenario, kills: readonly Kill[], smoke = false): HealScenario {
  const again = killed(scenario, kills);
  return {
    ...again,
    name,
    smoke,
    // User data is made anew for each try, and says nothing to an instance that has booted before: no harm in it.
    repeatable: ['ModifyInstanceAttribute'],
    limitMs: scenario.limitMs + 2 * minute,
  };
}

/** Scenarios 1 to 7 of the issue, in an order in which cheap ones come first. */
export const healing: readonly HealScenario[] = [
  deleteNodeObject,
  kubeletStopped,
  runtimeStopped,
  instanceStopped,
  instanceDeleted,
  kubeletCrashes,
  diskBroken,
  cannotBoot,
  noStock,
  nothingCures,
  killedAs('killed-in-restartingKubelet', kubeletCrashes, [
    { lost: 'RunCommand' },
    { state: 'repairing.restartingKubelet.awaitingReady' },
  ]),
  killedAs('killed-in-rebooting', kubeletCrashes, [
    { state: 'repairing.rebooting.draining' },
    { lost: 'RebootInstance' },
  ]),
  killedAs(
    'killed-in-starting',
    instanceStopped,
    [{ state: 'repairing.rebooting.draining' }, { lost: 'StartInstance' }],
    true,
  ),
  killedAs('killed-awaiting-start', instanceStopped, [{ state: 'repairing.rebooting.awaitingReady' }]),
  killedAs('killed-in-resetting', diskBroken, [
    { state: 'repairing.rebooting.awaitingReady' },
    { lost: 'StopInstance' },
    { lost: 'ReplaceSystemDisk' },
    { lost: 'StartInstance' },
  ]),
  killedAs('killed-awaiting-reset', diskBroken, [{ state: 'repairing.resetting.awaitingReady' }]),
  killedAs('killed-in-replacing', instanceDeleted, [{ lost: 'RunInstances' }]),
  killedAs('killed-awaiting-replacement', instanceDeleted, [{ state: 'repairing.replacing.awaitingReady' }]),
  killedAs('killed-in-deleting', cannotBoot, [
    { state: 'repairing.resetting.awaitingReady' },
    { lost: 'DeleteInstance' },
    { lost: 'RunInstances' },
  ]),
];
