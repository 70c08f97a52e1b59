// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of sources.
import type { Mutant } from './mutant.ts';

const node = 'machines/node.ts';
const admission = 'src/supervisor/admission.ts';

/** Defects of the effects, the runtime and the ports: decisions that are carried out wrongly. */
export const acting: readonly Mutant[] = [
  {
    name: 'effectBeforeItsWrite',
    breaks: 'what was true before a reboot is written only after the call',
    edits: [
      {
        file: 'src/effects/node/restart-instance.ts',
        old: 'await context.checkpoint({ ...mark });',
        new: '',
      },
      {
        file: 'src/effects/node/restart-instance.ts',
        old: 'return { at: await untilRunning(world, instance.id, context) };',
        new: 'await context.checkpoint({ ...mark });\n    return { at: await untilRunning(world, instance.id, context) };',
      },
    ],
    options: { faults: 'needsReboot,cloudSlow,supervisorKilled,supervisorKilledAtCommit' },
    seeds: 60,
  },
  {
    name: 'attemptNotStable',
    breaks: 'an effect that is started again after a crash gets another attempt id',
    edits: [
      {
        file: 'src/runtime/restore.ts',
        old: 'return { machine, record: { ...record, snapshot }, isMigrated',
        new: 'const effects = record.effects.map((each) => ({ ...each, attempt: `x${each.attempt.slice(1)}` }));\n  return { machine, record: { ...record, snapshot, effects }, isMigrated',
      },
    ],
    options: { faults: 'unbootable,cloudSlow,supervisorKilled,supervisorKilledAtCommit' },
    seeds: 60,
  },
  {
    name: 'deadlineRestarted',
    breaks: 'the waits of a record begin anew at a restore',
    edits: [
      {
        file: 'src/runtime/restore.ts',
        old: 'actors.push(found);',
        new: `actors.push({
        ...found,
        record: {
          ...found.record,
          deadlines: Object.fromEntries(
            Object.entries(found.record.deadlines).map(([wait, due]) => [wait, due + at - found.record.since]),
          ),
        },
      });`,
      },
    ],
    options: { faults: 'needsReboot,unbootable,budgetBlocks,supervisorKilled,supervisorKilledAtCommit' },
    seeds: 60,
  },
  {
    name: 'cordonNotLifted',
    breaks: 'the cordon stays when the node is Ready again',
    edits: [
      {
        file: 'src/effects/node/marks.ts',
        old: 'await world.kubernetes.uncordon(input.nodeName, context.signal);',
        new: '',
      },
    ],
    seeds: 10,
  },
  {
    name: 'cordonOfAPersonTaken',
    breaks: 'a cordon that a person set is taken for our own, and lifted',
    edits: [
      {
        file: 'src/simulator/world/kubernetes.ts',
        old: 'if (node.cordonedBy !== null) return;',
        new: "if (node.cordonedBy === 'wdrip') return;",
      },
    ],
    seeds: 40,
  },
  {
    name: 'foreignTouched',
    breaks: 'the tag is not looked at before an instance is worked on',
    edits: [
      {
        file: 'src/effects/only-ours.ts',
        old: 'if (instance.tags[cloudTags.cluster] !== cluster)',
        new: 'if (instance.tags[cloudTags.cluster] === undefined)',
      },
      { file: admission, old: "if (facts.tagged === 'no')", new: 'if (facts.poolLimit < 0)' },
    ],
    options: { faults: 'retaggedByPerson,needsReboot,diskBroken' },
    seeds: 60,
  },
  {
    name: 'tokenOfCreationNotStable',
    breaks: 'a creation that is asked for again comes with another token',
    edits: [
      {
        file: 'src/effects/node/replace-instance.ts',
        old: '`${context.attempt.slice(0, 61)}-${asked.zone}`',
        new: '`${context.attempt.slice(0, 40)}-${clock.now()}`',
      },
      {
        file: 'src/effects/node/replace-instance.ts',
        old: 'world.cloud.runInstance(birth, token, { signal })',
        new: 'world.cloud.runInstance(birth, `${token.slice(0, 40)}-${clock.now()}`, { signal })',
      },
    ],
    options: { faults: 'unbootable,cloudSlow,supervisorKilled,supervisorKilledAtCommit' },
    seeds: 60,
  },
  {
    name: 'diskReplacedAgain',
    breaks: 'after a crash the system disk is replaced again, with another token, whether or not it was',
    edits: [
      {
        file: 'src/effects/node/reset-instance.ts',
        old: "if ((instance.systemDiskId ?? 'none') === oldDisk)",
        new: "if (oldDisk !== '')",
      },
      {
        file: 'src/effects/node/reset-instance.ts',
        old: 'world.cloud.replaceSystemDisk(id, imageId, context.attempt, { signal })',
        new: 'world.cloud.replaceSystemDisk(id, imageId, `${context.attempt.slice(0, 40)}-${clock.now()}`, { signal })',
      },
    ],
    options: { faults: 'diskBroken,cloudSlow,supervisorKilled,supervisorKilledAtCommit' },
    seeds: 60,
  },
  {
    name: 'rebootNotSettled',
    breaks: 'after a crash a reboot is made again instead of looking whether it was made',
    edits: [
      {
        file: 'src/effects/node/restart-instance.ts',
        old: "before === null ? 'act' : await settle(world, instance, before, context)",
        new: "before === null || instance.status === 'Running' ? 'act' : await settle(world, instance, before, context)",
      },
    ],
    options: { faults: 'needsReboot,cloudSlow,supervisorKilled,supervisorKilledAtCommit' },
    seeds: 60,
  },
  {
    name: 'unclearAnswerRepeated',
    breaks: 'a call that gave no clear answer is simply made again',
    edits: [
      {
        file: 'src/effects/node/instance.ts',
        old: "      return 'unclear';",
        new: "      return call().then(() => 'taken' as const);",
      },
    ],
    options: { faults: 'needsReboot,cloudLosesAnswers,cloudFails' },
    seeds: 60,
  },
  {
    name: 'oldInstanceNotDeleted',
    breaks: 'a replacement leaves the old instance running',
    edits: [
      {
        file: 'src/effects/node/replace-instance.ts',
        old: 'await removeInstance(world, input.instanceId, context, input.slot);',
        new: '',
      },
    ],
    seeds: 20,
  },
  {
    name: 'nodeObjectNotDeleted',
    breaks: 'a replacement leaves the Node object of the old instance',
    edits: [
      {
        file: 'src/effects/node/replace-instance.ts',
        old: 'await world.kubernetes.deleteNode(input.nodeName, context.signal);',
        new: '',
      },
    ],
    seeds: 20,
  },
  {
    name: 'drainWithoutEnd',
    breaks: 'a drain has no deadline',
    edits: [
      {
        file: 'src/effects/node/drain.ts',
        old: 'deadlineMs: input.deadlineMs,',
        new: 'deadlineMs: 10 ** 12,',
      },
      {
        file: node,
        old: "drainDeadline: [{ guard: 'isPaused', target: '#node.held' }, { target: 'confirming' }],",
        new: "cloudWait: [{ guard: 'isPaused', target: '#node.held' }, { target: 'draining', reenter: true }],",
      },
    ],
    seeds: 60,
  },
  {
    name: 'lockIgnored',
    breaks: 'work is tried on an instance that the cloud has locked',
    edits: [
      {
        file: 'src/supervisor/observation.ts',
        old: "if (instance.locks.some((lock) => lock === 'security' || lock === 'financial')) return 'locked';",
        new: '',
      },
      { file: 'src/effects/node/instance.ts', old: 'if (lock !== undefined)', new: 'if (lock === "never")' },
    ],
    seeds: 60,
  },
];
