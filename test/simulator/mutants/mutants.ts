// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of sources.
/** A defect that is planted in the product, to see whether the simulator finds it. */
export interface Mutant {
  readonly name: string;
  /** What goes wrong with it, in one sentence. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
  /** Options of `wdrip simulate` that differ from the usual ones, where the defect takes more to show. */
  readonly options?: Readonly<Record<string, string>>;
  /** It is found by one of so many seeds, counted from 1. */
  readonly seeds: number;
}

/** `old` stands exactly once in the file, or the mutant is out of date. */
export interface Edit {
  readonly file: string;
  readonly old: string;
  readonly new: string;
}

const node = 'machines/node.ts';
const admission = 'src/supervisor/admission.ts';

export const mutants: readonly Mutant[] = [
  {
    name: 'budgetIgnored',
    breaks: "the pool's budget is not asked",
    edits: [
      { file: admission, old: 'if (facts.poolPermits >= facts.poolLimit)', new: 'if (facts.poolLimit < 0)' },
    ],
    seeds: 10,
  },
  {
    name: 'grantNotCounted',
    breaks: 'a grant that no record shows yet is not counted, so that two can be given on one free place',
    edits: [
      {
        file: 'src/supervisor/facts.ts',
        old: 'for (const slot of granted)',
        new: 'for (const slot of [...granted].slice(0, 0))',
      },
    ],
    seeds: 20,
  },
  {
    name: 'permitNeverReturned',
    breaks: 'a node that is healthy again keeps its permit',
    edits: [
      {
        file: node,
        old: 'forgetMarks: assign({ marked: false, permit: null })',
        new: 'forgetMarks: assign({ marked: false })',
      },
    ],
    seeds: 10,
  },
  {
    name: 'permitNotTaken',
    breaks: 'the permit that was granted does not get into the record',
    edits: [
      {
        file: node,
        old: "rung === 'restartingKubelet' ? ['noteMarks'] : ['noteMarks', 'takePermit']",
        new: "['noteMarks']",
      },
    ],
    seeds: 20,
  },
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
    name: 'readyIgnoredWhileAsking',
    breaks: 'a node that becomes Ready while it waits for its permit goes on waiting',
    edits: [
      {
        file: node,
        old: "      NODE_READY: { guard: 'isNews', target: '#node.recovering', actions: 'noteReady' },\n      INSTANCE_CHANGED: {\n",
        new: '      INSTANCE_CHANGED: {\n',
      },
    ],
    seeds: 20,
  },
  {
    name: 'notAskedAgainAfterDraining',
    breaks: 'after a drain the rung begins without another question, however much has changed meanwhile',
    edits: [
      {
        file: node,
        old: "onDone: [{ guard: 'isPaused', target: '#node.held' }, { target: 'confirming' }],",
        new: "onDone: { target: 'acting' },",
      },
      {
        file: node,
        old: "drainDeadline: [{ guard: 'isPaused', target: '#node.held' }, { target: 'confirming' }],",
        new: "drainDeadline: { target: 'acting' },",
      },
    ],
    seeds: 60,
  },
  {
    name: 'stormIgnored',
    breaks: 'a storm does not hold repairs back',
    edits: [
      {
        file: admission,
        old: "if (facts.storm.state === 'holding')",
        new: "if (facts.storm.state === 'holding' && facts.poolLimit < 0)",
      },
    ],
    seeds: 40,
  },
  {
    name: 'blindnessIgnored',
    breaks: 'the loss of sight is not noticed: what was seen last counts as true',
    edits: [
      {
        file: 'src/supervisor/supervisor.ts',
        old: "    if (state === 'blind') {\n      log.warn",
        new: "    if (state === 'blind') return;\n    if (why === 'never') {\n      log.warn",
      },
    ],
    seeds: 40,
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
        file: 'src/effects/node/instance.ts',
        old: 'if (instance.tags[cloudTags.cluster] !== world.cluster)',
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
        old: 'await removeInstance(world, input.instanceId, context);',
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
        old: 'await world.kubernetes.deleteNode(input.nodeName);',
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
    name: 'staleBelieved',
    breaks: 'what was observed before the last rung did its work counts as news',
    edits: [
      { file: node, old: 'return event.at >= context.actedAt;', new: 'return event.at >= 0;' },
      {
        file: 'src/supervisor/observation.ts',
        old: '      seen.heartbeatAt >= context.actedAt &&\n',
        new: '',
      },
    ],
    options: { faults: 'needsReboot,diskBroken,blip,flaps,rebootedByPerson,watchLate,cloudListsLate' },
    seeds: 60,
  },
  {
    name: 'lastRungMissing',
    breaks: 'the ladder ends below the replacement',
    edits: [
      {
        file: node,
        old: 'mayReplace: ({ context }) => context.tried < 4,',
        new: 'mayReplace: ({ context }) => context.tried < 0,',
      },
    ],
    seeds: 10,
  },
  {
    name: 'firstRungSkipped',
    breaks: 'the kubelet is never restarted: the dearer reboot comes first',
    edits: [{ file: node, old: 'context.tried < 1 &&', new: 'context.tried < 0 &&' }],
    seeds: 20,
  },
  {
    name: 'throttleSkipped',
    breaks: 'a failed climb is followed at once by the next',
    edits: [{ file: 'machines/policy.ts', old: 'throttleMs: 600_000,', new: 'throttleMs: 0,' }],
    seeds: 60,
  },
  {
    name: 'settlingSkipped',
    breaks: 'a node that is Ready for a moment counts as healthy',
    edits: [{ file: 'machines/policy.ts', old: 'settleMs: 30_000,', new: 'settleMs: 0,' }],
    seeds: 60,
  },
  {
    name: 'suspicionSkipped',
    breaks: 'repairs begin at the first NotReady',
    edits: [{ file: 'machines/policy.ts', old: 'suspectMs: 20_000,', new: 'suspectMs: 0,' }],
    seeds: 20,
  },
  {
    name: 'pauseIgnored',
    breaks: 'a pause holds nothing back',
    edits: [
      {
        file: 'src/supervisor/facts.ts',
        old: '  if (pauses.cluster) return',
        new: "  if (context.slot !== '') return null;\n  if (pauses.cluster) return",
      },
    ],
    seeds: 60,
  },
  {
    name: 'partialListBelieved',
    breaks: 'an instance that a list lacks counts as gone, without asking for it',
    edits: [
      {
        file: 'src/supervisor/cloud-watch.ts',
        old: 'const alone = gone.has(id) ? null : await cloud.findInstance(id);',
        new: 'const alone = gone.has(id) ? null : await cloud.findInstance(id).then(() => null);',
      },
    ],
    seeds: 60,
  },
  {
    name: 'successorNotAdopted',
    breaks: 'an instance that has taken the place of one that is gone is not taken over, not even our own',
    edits: [
      {
        file: node,
        old: '            nodeName: event.output.nodeName,\n            instanceId: event.output.instanceId,\n',
        new: '',
      },
      {
        file: 'src/supervisor/observation.ts',
        old: 'successor: isGone ? successorOf(context, bySlot) : null,',
        new: "successor: isGone && context.slot === '' ? successorOf(context, bySlot) : null,",
      },
    ],
    seeds: 20,
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
