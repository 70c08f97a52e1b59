import { assign, fromPromise, setup } from 'xstate';
import { type NodePolicyChanges, policyValue } from './policy.ts';

/** The rungs of the repair ladder, from the cheapest to the dearest. `tried` in the context is an index into it, plus one. */
export const rungs = ['restartingKubelet', 'rebooting', 'resetting', 'replacing'] as const;
export type Rung = (typeof rungs)[number];

/**
 * What the cloud says of the instance. `moving` is Pending, Starting or Stopping; `locked` is one that no repair can help (for
 * security or an unpaid bill); `gone` is said only on proof, never because a list came back short (safety 3).
 */
export type InstanceState = 'unknown' | 'moving' | 'running' | 'stopped' | 'locked' | 'gone';

/**
 * A failure as an effect reports it; see src/failure.ts. Two codes say something of the instance itself, and an effect gives them only
 * on proof: `InstanceGone` and `InstanceLocked`. A mere `notFound` may be of a Node object or an image, and proves nothing.
 */
export interface RepairFailure {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
}

/**
 * What a node's actor remembers. Its identity is a slot of a pool: the instance in it can be replaced, the slot stays.
 * Times are epoch ms of the supervisor's own clock (safety 61).
 */
export interface NodeContext {
  readonly slot: string;
  readonly pool: string;
  readonly zone: string;
  readonly role: 'worker' | 'controlPlane';
  /** Name of the Node object, `null` until the slot's instance is known. */
  readonly nodeName: string | null;
  readonly instanceId: string | null;
  /** The newest observation said Ready. */
  readonly ready: boolean;
  /** The newest observation found no Node object although there should be one. */
  readonly objectMissing: boolean;
  /** Why the node was last seen NotReady, in Kubernetes' words. */
  readonly reason: string | null;
  readonly instance: InstanceState;
  /** The cloud is carrying out a repair of its own on the instance (an executing SystemFailure event). */
  readonly cloudRepairing: boolean;
  /** The cloud took longer than it may over a repair or a change of state: it is waited for no more. */
  readonly cloudOverdue: boolean;
  /** Cloud Assistant's agent did not answer in this climb. */
  readonly agentSilent: boolean;
  /** How many rungs this climb has tried, from the bottom: 0 to 4. */
  readonly tried: number;
  /** How many reboots this climb has made. */
  readonly reboots: number;
  /** Climbs that ended in the throttle since the node was last healthy. */
  readonly failedClimbs: number;
  /** The permit to take something away from users, from its grant until Ready or given up. Its existence here IS the permit. */
  readonly permit: string | null;
  /** wdrip may have cordoned the node or marked it: undone before it counts as healthy. */
  readonly marked: boolean;
  /** When a rung last finished its work on the instance. What was observed before that is no longer true. */
  readonly actedAt: number;
  readonly failure: RepairFailure | null;
  readonly paused: boolean;
  /** Sight was lost, and has not returned since. */
  readonly blind: boolean;
  readonly policy: NodePolicyChanges;
}

export interface NodeInput {
  readonly slot: string;
  readonly pool: string;
  readonly zone: string;
  readonly role: 'worker' | 'controlPlane';
  readonly nodeName: string | null;
  readonly instanceId: string | null;
  readonly policy: NodePolicyChanges;
  /** Set when a broken record was set aside: nothing is known of earlier attempts, so all count as used up (safety 21). */
  readonly usedUp?: boolean;
}

/** The facts a node's actor hears of. `at` is when the observation began, in epoch ms. */
export type NodeEvent =
  | { readonly type: 'NODE_READY'; readonly at: number }
  | {
      readonly type: 'NODE_NOT_READY';
      readonly at: number;
      readonly reason: string;
      readonly objectMissing: boolean;
    }
  | { readonly type: 'NODE_JOINING'; readonly at: number }
  | {
      readonly type: 'INSTANCE_CHANGED';
      readonly at: number;
      readonly instance: InstanceState;
      readonly cloudRepairing: boolean;
    }
  | {
      readonly type: 'SLOT_FILLED';
      readonly at: number;
      readonly nodeName: string;
      readonly instanceId: string;
      readonly zone: string;
    }
  | { readonly type: 'SIGHT_LOST'; readonly at: number }
  | { readonly type: 'SIGHT_RETURNED'; readonly at: number }
  | { readonly type: 'REPAIRS_PAUSED'; readonly at: number }
  | { readonly type: 'REPAIRS_RESUMED'; readonly at: number }
  | { readonly type: 'POLICY_CHANGED'; readonly at: number; readonly policy: NodePolicyChanges }
  | { readonly type: 'SLOT_RETIRED'; readonly at: number }
  | { readonly type: 'SLOT_WANTED'; readonly at: number }
  | { readonly type: 'MARKS_LEFT'; readonly at: number };

/**
 * What each effect is given and gives back. The effects live in src/effects; each output's `at` is when it ended, in epoch ms,
 * since a machine has no clock.
 */
export interface NodeEffects {
  /** Waits until admission grants the rung, or the end of the slot, however long that takes. */
  readonly requestPermit: {
    readonly input: EffectInput & { readonly rung: Rung | 'retiring' };
    readonly output: { readonly at: number; readonly permit: string };
  };
  /** `systemctl restart kubelet` through Cloud Assistant. A silent agent is an answer, not an error. */
  readonly restartKubelet: {
    readonly input: EffectInput;
    readonly output: { readonly at: number; readonly agentSilent: boolean };
  };
  /** Cordons, evicts, and waits at most `deadlineMs`. */
  readonly drainNode: {
    readonly input: EffectInput & { readonly deadlineMs: number };
    readonly output: { readonly at: number };
  };
  /** Reboots the instance, or starts it if it is stopped, and returns when it runs. */
  readonly restartInstance: {
    readonly input: EffectInput & { readonly force: boolean };
    readonly output: { readonly at: number };
  };
  /** Stop, fresh user data, new system disk, start. */
  readonly resetInstance: { readonly input: EffectInput; readonly output: { readonly at: number } };
  /** Deletes the Node object and the instance, and fills the slot with a new one. */
  readonly replaceInstance: {
    readonly input: EffectInput;
    readonly output: { readonly at: number; readonly instanceId: string; readonly nodeName: string };
  };
  /** Deletes the Node object and the instance of a slot that nobody wants any more. */
  readonly retireInstance: { readonly input: EffectInput; readonly output: { readonly at: number } };
  /** Lifts the cordon that wdrip set, its annotation, and its protections. */
  readonly clearMarks: { readonly input: EffectInput; readonly output: { readonly at: number } };
  /** Tells people that a climb failed or that a node is held. */
  readonly reportTrouble: {
    readonly input: EffectInput & { readonly trouble: 'climbFailed' | 'held' };
    readonly output: { readonly at: number };
  };
}

/** What every effect needs to know of the node. */
export interface EffectInput {
  readonly slot: string;
  readonly pool: string;
  readonly zone: string;
  readonly role: 'worker' | 'controlPlane';
  readonly nodeName: string | null;
  readonly instanceId: string | null;
  /** Why this is done, in words fit for an Event on the Node. */
  readonly because: string;
}

type DoneEvent = {
  [K in keyof NodeEffects]: {
    readonly type: `xstate.done.actor.${K}`;
    readonly output: NodeEffects[K]['output'];
  };
}[keyof NodeEffects];
type ErrorEvent = {
  [K in keyof NodeEffects]: { readonly type: `xstate.error.actor.${K}`; readonly error: RepairFailure };
}[keyof NodeEffects];

/** Machines only declare their work. The runtime runs the effect of the same name, and never this. */
function effect<K extends keyof NodeEffects>(name: K) {
  return fromPromise<NodeEffects[K]['output'], NodeEffects[K]['input']>(() =>
    Promise.reject(new Error(`the effect ${name} must be run by the runtime`)),
  );
}

function effectInput(context: NodeContext): EffectInput {
  const { slot, pool, zone, role, nodeName, instanceId, reason, failure } = context;
  const because = failure ? `${failure.code}: ${failure.message}` : (reason ?? 'NotReady');
  return { slot, pool, zone, role, nodeName, instanceId, because };
}

/** An observation from before the last rung's own work is no longer true: that work changed it. */
function isFresh(context: NodeContext, event: { readonly at: number }): boolean {
  return event.at >= context.actedAt;
}

function hasClimbed(context: NodeContext): boolean {
  return context.tried > 0 || context.marked || context.failedClimbs > 0;
}

const freshLadder = {
  tried: 0,
  reboots: 0,
  agentSilent: false,
  failure: null,
} as const;

const ladder = setup({
  types: {
    context: {} as NodeContext,
    input: {} as NodeInput,
    events: {} as NodeEvent | DoneEvent | ErrorEvent,
  },
  actors: {
    requestPermit: effect('requestPermit'),
    restartKubelet: effect('restartKubelet'),
    drainNode: effect('drainNode'),
    restartInstance: effect('restartInstance'),
    resetInstance: effect('resetInstance'),
    replaceInstance: effect('replaceInstance'),
    retireInstance: effect('retireInstance'),
    clearMarks: effect('clearMarks'),
    reportTrouble: effect('reportTrouble'),
  },
  delays: {
    suspicion: ({ context }) => policyValue(context.policy, 'suspectMs'),
    joining: ({ context }) => policyValue(context.policy, 'joinMs'),
    kubeletWait: ({ context }) => policyValue(context.policy, 'kubeletWaitMs'),
    drainDeadline: ({ context }) => policyValue(context.policy, 'drainMs'),
    rebootWait: ({ context }) => policyValue(context.policy, 'rebootWaitMs'),
    resetWait: ({ context }) => policyValue(context.policy, 'resetWaitMs'),
    replaceWait: ({ context }) => policyValue(context.policy, 'replaceWaitMs'),
    actionDeadline: ({ context }) => policyValue(context.policy, 'actionMs'),
    cloudWait: ({ context }) => policyValue(context.policy, 'cloudWaitMs'),
    throttle: ({ context }) => policyValue(context.policy, 'throttleMs'),
    // As long as a climb that failed rests, and gives its permit back.
    permitWait: ({ context }) => policyValue(context.policy, 'throttleMs'),
    settling: ({ context }) => policyValue(context.policy, 'settleMs'),
    recoverRetry: ({ context }) => policyValue(context.policy, 'recoverRetryMs'),
  },
  guards: {
    isReady: ({ context }) => context.ready,
    isPaused: ({ context }) => context.paused,
    isReadyAfterClimb: ({ context }) => context.ready && hasClimbed(context),
    isBlind: ({ context }) => context.blind,
    isSighted: ({ context }) => !context.blind,
    cloudIsBusy: ({ context }) =>
      !context.cloudOverdue &&
      context.instance !== 'gone' &&
      (context.cloudRepairing || context.instance === 'moving'),
    mustReplace: ({ context }) => context.instance === 'gone' && context.tried < 4,
    mayRestartKubelet: ({ context }) =>
      context.tried < 1 &&
      !context.agentSilent &&
      (context.instance === 'running' || context.instance === 'unknown'),
    mayReboot: ({ context }) =>
      context.instance !== 'gone' &&
      (context.tried < 2 ||
        (context.tried === 2 && context.reboots < policyValue(context.policy, 'rebootTries'))),
    mayReset: ({ context }) => context.instance !== 'gone' && context.tried < 3,
    mayReplace: ({ context }) => context.tried < 4,
    holdIsOver: ({ context }) => !context.paused && context.instance !== 'locked',
    mustStayHeld: ({ context }) => context.paused || context.instance === 'locked',
    isFirstInstance: ({ context, event }) => event.type === 'SLOT_FILLED' && context.instanceId === null,
    isAnotherInstance: ({ context, event }) =>
      event.type === 'SLOT_FILLED' && event.instanceId !== context.instanceId,
    cloudBroughtItUp: ({ context, event }) =>
      event.type === 'INSTANCE_CHANGED' &&
      isFresh(context, event) &&
      !event.cloudRepairing &&
      event.instance === 'running',
    cloudIsDone: ({ context, event }) =>
      event.type === 'INSTANCE_CHANGED' &&
      isFresh(context, event) &&
      (event.instance === 'gone' || (!event.cloudRepairing && event.instance !== 'moving')),
    isNews: ({ context, event }) =>
      (event.type === 'NODE_READY' || event.type === 'NODE_NOT_READY') && isFresh(context, event),
    isNewsAfterClimb: ({ context, event }) =>
      event.type === 'NODE_READY' && isFresh(context, event) && hasClimbed(context),
    changesWhatToDo: ({ context, event }) =>
      event.type === 'INSTANCE_CHANGED' &&
      isFresh(context, event) &&
      (event.instance !== context.instance || event.cloudRepairing !== context.cloudRepairing),
    instanceFailedUnderUs: ({ context, event }) =>
      event.type === 'INSTANCE_CHANGED' &&
      isFresh(context, event) &&
      (event.instance === 'gone' || event.instance === 'stopped' || event.instance === 'locked'),
    // The code is that of assertNotReady (src/effects/world.ts): the node had become Ready before anything was done to its instance.
    wasCalledOff: ({ event }) => 'error' in event && event.error.code === 'NodeReady',
    agentWasSilent: ({ event }) =>
      event.type === 'xstate.done.actor.restartKubelet' && event.output.agentSilent,
  },
  actions: {
    noteReady: assign({ ready: true, objectMissing: false, reason: null }),
    noteNotReady: assign(({ event }) =>
      event.type === 'NODE_NOT_READY'
        ? { ready: false, objectMissing: event.objectMissing, reason: event.reason }
        : {},
    ),
    noteInstance: assign(({ context, event }) =>
      event.type === 'INSTANCE_CHANGED'
        ? {
            instance: event.instance,
            cloudRepairing: event.cloudRepairing,
            cloudOverdue: context.cloudOverdue && (event.cloudRepairing || event.instance === 'moving'),
          }
        : {},
    ),
    fillSlot: assign(({ event }) =>
      event.type === 'SLOT_FILLED'
        ? {
            nodeName: event.nodeName,
            instanceId: event.instanceId,
            zone: event.zone,
            actedAt: event.at,
            instance: 'unknown' as const,
            cloudRepairing: false,
            cloudOverdue: false,
            ready: false,
            objectMissing: false,
            reason: null,
          }
        : {},
    ),
    loseSight: assign({ blind: true }),
    regainSight: assign({ blind: false }),
    pause: assign({ paused: true }),
    resume: assign({ paused: false }),
    takePolicy: assign(({ event }) => (event.type === 'POLICY_CHANGED' ? { policy: event.policy } : {})),
    takePermit: assign(({ event }) =>
      event.type === 'xstate.done.actor.requestPermit' ? { permit: event.output.permit } : {},
    ),
    returnPermit: assign({ permit: null }),
    // The quorum's own repair waits for masters under repair, and may be what brings sight back.
    returnPermitUnseen: assign(({ context }) =>
      context.blind && context.role === 'controlPlane' ? { permit: null } : {},
    ),
    returnPermitOfMaster: assign(({ context }) => (context.role === 'controlPlane' ? { permit: null } : {})),
    noteMarks: assign({ marked: true }),
    noteRung: assign((_, params: { readonly tried: number }) => ({ tried: params.tried })),
    countReboot: assign({ reboots: ({ context }) => context.reboots + 1 }),
    // As it was before the rung: of the second, there has been a first.
    unnoteRung: assign(({ context: { tried, reboots } }) =>
      tried === 2 ? { tried: reboots > 1 ? 2 : 1, reboots: reboots - 1 } : { tried: tried - 1 },
    ),
    noteAgent: assign(({ event }) =>
      event.type === 'xstate.done.actor.restartKubelet' ? { agentSilent: event.output.agentSilent } : {},
    ),
    noteActed: assign(({ event }) =>
      'output' in event ? { actedAt: event.output.at, instance: 'running' as const, ready: false } : {},
    ),
    noteReplacement: assign(({ event }) =>
      event.type === 'xstate.done.actor.replaceInstance'
        ? {
            nodeName: event.output.nodeName,
            instanceId: event.output.instanceId,
            actedAt: event.output.at,
            instance: 'running' as const,
            cloudRepairing: false,
            cloudOverdue: false,
            ready: false,
          }
        : {},
    ),
    noteFailure: assign(({ context, event }) => {
      if (!('error' in event)) return {};
      const { code } = event.error;
      const instance =
        code === 'InstanceGone' ? 'gone' : code === 'InstanceLocked' ? 'locked' : context.instance;
      return { failure: event.error, instance } as const;
    }),
    noteOverdue: assign({
      failure: ({ context }): RepairFailure => ({
        kind: 'retryable',
        code: 'ActionOverdue',
        message: `the work of rung ${context.tried} took longer than its deadline`,
      }),
    }),
    countFailedClimb: assign({ failedClimbs: ({ context }) => context.failedClimbs + 1 }),
    startFromBottom: assign(freshLadder),
    forget: assign({ ...freshLadder, failedClimbs: 0, cloudOverdue: false }),
    forgetMarks: assign({ marked: false, permit: null }),
    stopWaitingForCloud: assign({ cloudOverdue: true }),
  },
});

/** A climb keeps its permit from rung to rung. What holds it between two may last until others of the pool are repaired, which wait for that. */
const permitNotKeptForEver = {
  permitWait: {
    actions: 'returnPermit',
    description:
      'Held for so long: others of the pool may go first. A storm that holds it may be theirs to end.',
  },
} as const;

/**
 * Every rung asks first, and asks again whenever what it would do is no longer the right thing. A kubelet's restart takes nothing away
 * from users: it asks (sight, storms, pauses), but what it gets is no permit, or the next rung would pass the budget with it.
 */
const admitting = (
  next: 'acting' | 'draining',
  rung: Rung,
  description = 'Waits for the permit: sight, storms, budgets and the quorum decide (admission).',
) =>
  ladder.createStateConfig({
    description,
    // A master asks anew at every step: etcd may need the permit first by now.
    entry: 'returnPermitOfMaster',
    invoke: {
      id: 'requestPermit',
      src: 'requestPermit',
      input: ({ context }) => ({ ...effectInput(context), rung }),
      onDone: {
        target: next,
        actions: rung === 'restartingKubelet' ? ['noteMarks'] : ['noteMarks', 'takePermit'],
      },
      onError: { target: '#node.throttled', actions: 'noteFailure' },
    },
    after: rung === 'restartingKubelet' ? {} : permitNotKeptForEver,
    on: {
      NODE_READY: { guard: 'isNews', target: '#node.recovering', actions: 'noteReady' },
      INSTANCE_CHANGED: {
        guard: 'changesWhatToDo',
        target: '#node.repairing.choosing',
        actions: 'noteInstance',
      },
      REPAIRS_PAUSED: { target: '#node.held', actions: 'pause' },
      SIGHT_LOST: { target: '#node.blind', actions: 'loseSight' },
    },
  });

/**
 * A drain takes minutes, or hours if the supervisor was down meanwhile: then its deadline is long over, and nothing has been seen since.
 * So it is asked once more before the rung's work begins. Admission says yes at once if nothing has changed.
 */
const confirming = (rung: Rung) =>
  admitting(
    'acting',
    rung,
    'Drained: asks once more, since the node may be Ready by now, or paused, or out of sight.',
  );

/** Moves the pods away before the rung takes the instance from under them. */
const draining = ladder.createStateConfig({
  description: 'Cordons the node and evicts its pods, as disruption budgets allow, up to the drain deadline.',
  invoke: {
    id: 'drainNode',
    src: 'drainNode',
    input: ({ context }) => ({ ...effectInput(context), deadlineMs: policyValue(context.policy, 'drainMs') }),
    onDone: [{ guard: 'isPaused', target: '#node.held' }, { target: 'confirming' }],
    onError: { target: '#node.throttled', actions: 'noteFailure' },
  },
  after: {
    drainDeadline: [{ guard: 'isPaused', target: '#node.held' }, { target: 'confirming' }],
  },
  on: {
    NODE_READY: { guard: 'isNews', target: '#node.recovering', actions: 'noteReady' },
    INSTANCE_CHANGED: {
      guard: 'changesWhatToDo',
      target: '#node.repairing.choosing',
      actions: 'noteInstance',
    },
    SIGHT_LOST: { target: '#node.blind', actions: 'loseSight' },
  },
});

/** A request that was called off may land late: what it set is lifted like everything else. */
const marksLeft = {
  target: 'recovering',
  actions: 'noteMarks',
  description: 'A cordon or mark of ours is there all the same.',
} as const;

/** What a slot that nobody wants loses: nothing is gone yet, so that a person who thinks better of it gets the node back. */
const wantedAgain = { target: '#node.suspect', actions: 'forget' } as const;

/** The end of a slot takes a node away from its users as a rung does: it asks for the same permit, before the drain and after it. */
const askingToRetire = (
  next: 'draining' | 'removing',
  entry: 'returnPermit' | 'returnPermitOfMaster',
  description: string,
) =>
  ladder.createStateConfig({
    description,
    entry,
    invoke: {
      id: 'requestPermit',
      src: 'requestPermit',
      input: ({ context }) => ({ ...effectInput(context), rung: 'retiring' as const }),
      onDone: { target: next, actions: ['noteMarks', 'takePermit'] },
      onError: { target: 'waiting', actions: 'noteFailure' },
    },
    on: { SLOT_WANTED: wantedAgain },
  });

/** A rung counts as tried from when its work begins: one that was called off while it drained is still to be tried. */
const tries = (rung: Rung) => ({ type: 'noteRung', params: { tried: rungs.indexOf(rung) + 1 } }) as const;

/** Work on the instance is done: Ready ends the repair, and time or a new fault escalates it. */
const awaitingReady = (wait: 'kubeletWait' | 'rebootWait' | 'resetWait' | 'replaceWait') =>
  ladder.createStateConfig({
    description:
      'The work on the instance is done: waits for the node to be Ready, and escalates if it is not in time.',
    entry: 'returnPermitUnseen',
    always: { guard: 'isReady', target: '#node.recovering' },
    after: { [wait]: { target: '#node.repairing.choosing' } },
    on: {
      INSTANCE_CHANGED: {
        guard: 'instanceFailedUnderUs',
        target: '#node.repairing.choosing',
        actions: 'noteInstance',
      },
      SIGHT_RETURNED: {
        target: 'awaitingReady',
        reenter: true,
        actions: 'regainSight',
        description: 'What happened meanwhile was not seen: the wait starts anew with its full time.',
      },
    },
  });

/** Where no rung is at work, Ready is the end of it, however it came to be known. */
const onceReady = [
  { guard: 'isReadyAfterClimb', target: '#node.recovering' },
  { guard: 'isReady', target: '#node.healthy' },
] as const;

/** Work on the instance does not stop for it: a master keeps its permit until that has ended. */
const workGoesOn = { SIGHT_LOST: { actions: 'loseSight' } } as const;

const overdue = { target: '#node.repairing.choosing', actions: 'noteOverdue' } as const;
const failed = { target: '#node.repairing.choosing', actions: 'noteFailure' } as const;
/** Where a rung takes a running node from its users: one that has become Ready before it was done is left alone, and is looked at anew. */
const calledOff = {
  guard: 'wasCalledOff',
  target: '#node.suspect',
  actions: ['noteFailure', 'unnoteRung'],
  description: 'It is Ready again, and its instance was left alone: the rung is still to be tried.',
} as const;

/** Raised with every change that a stored record or a history could notice; migrations are in src/supervisor/migrations.ts. */
export const nodeVersion = 1;

/**
 * The repair ladder of one node. Cheap rungs first; each asks admission, acts, and waits for Ready. Whatever happens, a state has a
 * way out: an event, an effect's end, or a deadline.
 */
export const nodeMachine = ladder.createMachine({
  id: 'node',
  description: 'One node of the cluster: what is wrong with it, and the repair ladder that brings it back.',
  initial: 'unknown',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    slot: input.slot,
    pool: input.pool,
    zone: input.zone,
    role: input.role,
    nodeName: input.nodeName,
    instanceId: input.instanceId,
    ready: false,
    objectMissing: false,
    reason: null,
    instance: 'unknown',
    cloudRepairing: false,
    cloudOverdue: false,
    ...freshLadder,
    tried: input.usedUp ? rungs.length : 0,
    failedClimbs: 0,
    permit: null,
    marked: input.usedUp === true,
    actedAt: 0,
    paused: false,
    blind: false,
    policy: input.policy,
  }),
  on: {
    // What is stale or says nothing new is ignored: it makes no record.
    NODE_READY: { guard: 'isNews', actions: 'noteReady' },
    NODE_NOT_READY: { guard: 'isNews', actions: 'noteNotReady' },
    INSTANCE_CHANGED: { guard: 'changesWhatToDo', actions: 'noteInstance' },
    SLOT_FILLED: [
      {
        guard: 'isFirstInstance',
        target: '.joining',
        actions: 'fillSlot',
        description: 'Known anew, not new: what was tried on it counts, even if it is not known (safety 21).',
      },
      { guard: 'isAnotherInstance', target: '.joining', actions: ['fillSlot', 'startFromBottom'] },
    ],
    SLOT_RETIRED: {
      target: '.retiring',
      actions: 'forget',
      description:
        'What was tried on it does not matter any more. A permit that it holds is kept for its end.',
    },
    SIGHT_LOST: { actions: ['loseSight', 'returnPermitUnseen'] },
    SIGHT_RETURNED: { actions: 'regainSight' },
    REPAIRS_PAUSED: { actions: 'pause' },
    REPAIRS_RESUMED: { actions: 'resume' },
    POLICY_CHANGED: { actions: 'takePolicy' },
  },
  states: {
    unknown: {
      description: 'Not observed yet. Nothing is done on what is not known.',
      on: {
        NODE_READY: [
          { guard: 'isNewsAfterClimb', target: 'recovering', actions: 'noteReady' },
          { guard: 'isNews', target: 'healthy', actions: 'noteReady' },
        ],
        NODE_NOT_READY: { guard: 'isNews', target: 'suspect', actions: 'noteNotReady' },
        NODE_JOINING: { target: 'joining' },
      },
    },
    joining: {
      description: 'A new instance that has not been Ready yet: its first start takes minutes.',
      always: onceReady,
      after: { joining: { target: 'suspect' } },
      on: {
        INSTANCE_CHANGED: { guard: 'instanceFailedUnderUs', target: 'suspect', actions: 'noteInstance' },
      },
    },
    healthy: {
      description: 'Ready, and has been for a while.',
      on: {
        NODE_NOT_READY: { guard: 'isNews', target: 'suspect', actions: 'noteNotReady' },
        MARKS_LEFT: { ...marksLeft },
      },
    },
    suspect: {
      description: 'NotReady, but perhaps only for a moment: nothing is done for two heartbeat periods.',
      always: [{ guard: 'isBlind', target: 'blind' }, ...onceReady],
      after: { suspicion: { target: 'repairing' } },
    },
    blind: {
      description: 'The Kubernetes API cannot be seen: nothing is known, so nothing begins or escalates.',
      entry: 'returnPermitOfMaster',
      on: { SIGHT_RETURNED: { target: 'suspect', actions: 'regainSight' } },
    },
    awaitingCloud: {
      description: 'The cloud is repairing or moving the instance itself: wait for that, within a bound.',
      initial: 'working',
      states: {
        working: {
          description: 'The cloud is at work.',
          after: { cloudWait: { target: '#node.repairing', actions: 'stopWaitingForCloud' } },
          on: {
            NODE_READY: { guard: 'isNews', target: '#node.recovering', actions: 'noteReady' },
            INSTANCE_CHANGED: [
              { guard: 'cloudBroughtItUp', target: 'awaitingReady', actions: 'noteInstance' },
              { guard: 'cloudIsDone', target: '#node.repairing', actions: 'noteInstance' },
            ],
          },
        },
        // It has just booted: as after a reboot of our own, or the next rung would hit a node that is on its way up.
        awaitingReady: awaitingReady('rebootWait'),
      },
    },
    repairing: {
      description: 'Climbing the repair ladder.',
      initial: 'choosing',
      states: {
        choosing: {
          description: 'Picks the cheapest rung that can still help.',
          always: [
            { guard: 'isBlind', target: '#node.blind' },
            // It may have become Ready while a rung was at work whose own end said nothing of that.
            { guard: 'isReady', target: '#node.recovering' },
            { guard: 'mustStayHeld', target: '#node.held' },
            { guard: 'mustReplace', target: 'replacing' },
            { guard: 'cloudIsBusy', target: '#node.awaitingCloud' },
            { guard: 'mayRestartKubelet', target: 'restartingKubelet' },
            { guard: 'mayReboot', target: 'rebooting' },
            { guard: 'mayReset', target: 'resetting' },
            { guard: 'mayReplace', target: 'replacing' },
            { target: '#node.throttled' },
          ],
        },
        restartingKubelet: {
          description: 'Rung 1: restarts the kubelet through Cloud Assistant.',
          initial: 'admitting',
          states: {
            admitting: admitting('acting', 'restartingKubelet'),
            acting: {
              description: 'Runs systemctl restart kubelet on the instance and reads the result.',
              entry: tries('restartingKubelet'),
              invoke: {
                id: 'restartKubelet',
                src: 'restartKubelet',
                input: ({ context }) => effectInput(context),
                onDone: [
                  { guard: 'agentWasSilent', target: '#node.repairing.choosing', actions: 'noteAgent' },
                  { target: 'awaitingReady', actions: 'noteAgent' },
                ],
                onError: failed,
              },
              after: { actionDeadline: overdue },
              on: workGoesOn,
            },
            awaitingReady: awaitingReady('kubeletWait'),
          },
        },
        rebooting: {
          description:
            'Rung 2: drains, then reboots the instance, or starts it if it is stopped; by force the last time.',
          initial: 'admitting',
          states: {
            admitting: admitting('draining', 'rebooting'),
            draining,
            confirming: confirming('rebooting'),
            acting: {
              description: 'Reboots or starts the instance and waits until it runs.',
              entry: [tries('rebooting'), 'countReboot'],
              invoke: {
                id: 'restartInstance',
                src: 'restartInstance',
                input: ({ context }) => ({ ...effectInput(context), force: context.reboots > 1 }),
                onDone: { target: 'awaitingReady', actions: 'noteActed' },
                onError: [calledOff, failed],
              },
              after: { actionDeadline: overdue },
              on: workGoesOn,
            },
            awaitingReady: awaitingReady('rebootWait'),
          },
        },
        resetting: {
          description:
            'Rung 3: drains, then gives the instance a new system disk: it initialises from nothing.',
          initial: 'admitting',
          states: {
            admitting: admitting('draining', 'resetting'),
            draining,
            confirming: confirming('resetting'),
            acting: {
              description:
                'Stops the instance, gives it fresh user data and a new system disk, and starts it.',
              entry: tries('resetting'),
              invoke: {
                id: 'resetInstance',
                src: 'resetInstance',
                input: ({ context }) => effectInput(context),
                onDone: { target: 'awaitingReady', actions: 'noteActed' },
                onError: [calledOff, failed],
              },
              after: { actionDeadline: overdue },
              on: workGoesOn,
            },
            awaitingReady: awaitingReady('resetWait'),
          },
        },
        replacing: {
          description: 'Rung 4: deletes the node and its instance; a new instance takes over the slot.',
          initial: 'admitting',
          states: {
            admitting: admitting('draining', 'replacing'),
            draining,
            confirming: confirming('replacing'),
            acting: {
              description:
                'Deletes the Node object and the instance, and creates a new instance for the slot.',
              entry: tries('replacing'),
              invoke: {
                id: 'replaceInstance',
                src: 'replaceInstance',
                input: ({ context }) => effectInput(context),
                onDone: { target: 'awaitingReady', actions: 'noteReplacement' },
                onError: [calledOff, failed],
              },
              after: { actionDeadline: overdue },
              on: {
                ...workGoesOn,
                SLOT_FILLED: { description: 'That is our own new instance, seen before the answer.' },
              },
            },
            awaitingReady: awaitingReady('replaceWait'),
          },
        },
      },
    },
    recovering: {
      description: 'Ready again: lifts the cordon and the marks that wdrip set.',
      initial: 'clearing',
      on: { NODE_NOT_READY: { guard: 'isNews', target: 'suspect', actions: 'noteNotReady' } },
      states: {
        clearing: {
          description: 'Lifts the cordon and the marks.',
          invoke: {
            id: 'clearMarks',
            src: 'clearMarks',
            input: ({ context }) => effectInput(context),
            onDone: { target: '#node.settling', actions: 'forgetMarks' },
            onError: { target: 'waiting', actions: 'noteFailure' },
          },
          after: { actionDeadline: { target: 'waiting' } },
        },
        waiting: {
          description: 'The marks could not be lifted: tries again soon.',
          after: { recoverRetry: { target: 'clearing' } },
        },
      },
    },
    settling: {
      description:
        'Ready, but not for long yet: a node that fails again now continues where it was on the ladder.',
      after: { settling: { guard: 'isSighted', target: 'healthy', actions: 'forget' } },
      on: {
        NODE_NOT_READY: { guard: 'isNews', target: 'suspect', actions: 'noteNotReady' },
        SIGHT_RETURNED: {
          target: 'settling',
          reenter: true,
          actions: 'regainSight',
          description: 'Whether Ready held meanwhile was not seen: it must hold for its full time from now.',
        },
        MARKS_LEFT: { ...marksLeft },
      },
    },
    throttled: {
      description: 'The climb failed. People are told, and the ladder is climbed again after the throttle.',
      entry: ['returnPermit', 'countFailedClimb'],
      invoke: {
        id: 'reportTrouble',
        src: 'reportTrouble',
        input: ({ context }) => ({ ...effectInput(context), trouble: 'climbFailed' as const }),
        onDone: { description: 'People know.' },
        onError: { description: 'They will see it in wdrip get and explain.' },
      },
      after: { throttle: { target: 'repairing', actions: 'startFromBottom' } },
      on: { NODE_READY: { guard: 'isNews', target: 'recovering', actions: 'noteReady' } },
    },
    held: {
      description:
        'Repairs are suspended: a person paused them, or the instance is locked and no rung can help.',
      // For who knows how long: others of the pool must not wait for it. The next rung asks again.
      entry: 'returnPermit',
      invoke: {
        id: 'reportTrouble',
        src: 'reportTrouble',
        input: ({ context }) => ({ ...effectInput(context), trouble: 'held' as const }),
        onDone: { description: 'People know.' },
        onError: { description: 'They will see it in wdrip get and explain.' },
      },
      always: { guard: 'holdIsOver', target: 'suspect' },
      on: { NODE_READY: { guard: 'isNews', target: 'recovering', actions: 'noteReady' } },
    },
    retiring: {
      description:
        'Scaled down: the node is drained and its instance deleted, within the budget of its pool.',
      initial: 'admitting',
      on: {
        SLOT_RETIRED: { description: 'It is under way.' },
        SLOT_FILLED: {
          actions: 'fillSlot',
          description: 'Another instance was found in the slot: that is the one to delete.',
        },
      },
      states: {
        admitting: askingToRetire('draining', 'returnPermit', 'Waits for the permit, as a repair does.'),
        draining: {
          description: 'Cordons the node and evicts its pods, up to the drain deadline.',
          invoke: {
            id: 'drainNode',
            src: 'drainNode',
            input: ({ context }) => ({
              ...effectInput(context),
              deadlineMs: policyValue(context.policy, 'drainMs'),
            }),
            onDone: { target: 'confirming' },
            onError: { target: 'waiting', actions: 'noteFailure' },
          },
          after: { drainDeadline: { target: 'confirming' } },
          on: { SLOT_WANTED: wantedAgain },
        },
        confirming: {
          ...askingToRetire(
            'removing',
            'returnPermitOfMaster',
            'Drained: asks once more, since repairs may be paused by now, or the cluster out of sight.',
          ),
          after: {
            recoverRetry: {
              target: 'waiting',
              actions: 'returnPermit',
              description:
                'Not now. A storm that stops it may be over only when those are repaired that wait for its permit.',
            },
          },
        },
        removing: {
          description: 'Deletes the instance and the Node object.',
          invoke: {
            id: 'retireInstance',
            src: 'retireInstance',
            input: ({ context }) => effectInput(context),
            onDone: { target: '#node.retired' },
            onError: { target: 'waiting', actions: 'noteFailure' },
          },
          after: { actionDeadline: { target: 'waiting' } },
          on: workGoesOn,
        },
        waiting: {
          description: 'That could not be done: tries again soon.',
          entry: 'returnPermitUnseen',
          after: { recoverRetry: { target: 'admitting' } },
        },
      },
    },
    retired: {
      description: 'Scaled down: the slot is gone, and its actor is removed.',
      entry: 'returnPermit',
      type: 'final',
    },
  },
});
