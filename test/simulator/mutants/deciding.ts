import type { Mutant } from './mutant.ts';

const node = 'machines/node.ts';
const admission = 'src/supervisor/admission.ts';

/** Defects of the machines and of the supervisor: wrong decisions. */
export const deciding: readonly Mutant[] = [
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
    options: { faults: 'apiUnreachable,needsReboot,diskBroken' },
    seeds: 20,
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
    options: { faults: 'liedAbout,flaps,blip,watchLate' },
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
];
