/** How things are said: spans of time, states of a node, steps of the ladder. */

/**
 * A span for people, as a clock shows it: `0:42`, `12:05`, `1:02:03`.
 * @param {number} ms
 */
export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const [hours, minutes, seconds] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/**
 * How long something lasts, in words: `20 s`, `3 min`, `2 h 5 min`.
 * @param {number} ms
 */
export function lasting(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
}

/**
 * A time of day, in the reader's zone.
 * @param {number} at epoch ms
 */
export function timeOfDay(at) {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}

/**
 * @param {number} count
 * @param {string} one
 */
export function counted(count, one) {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** @type {Readonly<Record<string, string>>} */
export const stepNames = {
  suspect: 'Suspect it',
  restartingKubelet: 'Restart the kubelet',
  rebooting: 'Reboot the instance',
  resetting: 'Give it a new system disk',
  replacing: 'Replace the instance',
  throttled: 'Rest, and climb again',
};

/** @type {Readonly<Record<string, string>>} */
export const stepWaits = {
  suspect: 'it must stay NotReady for',
  restartingKubelet: 'then Ready within',
  rebooting: 'then Ready within',
  resetting: 'then Ready within',
  replacing: 'then Ready within',
  throttled: 'people are told; then after',
};

/** @type {Readonly<Record<string, string>>} */
const rungWords = {
  restartingKubelet: 'restarting kubelet',
  rebooting: 'rebooting',
  resetting: 'new disk',
  replacing: 'replacing',
};

/**
 * What a node's state is for the eye (its shape and colour) and in a few words.
 * @param {import('./model.js').NodeItem} node
 * @returns {{ readonly kind: string, readonly word: string }}
 */
export function stateOf(node) {
  if (node.quarantined !== null) return { kind: 'failed', word: 'quarantined' };
  const [top, rung, step] = node.state.split('.');
  switch (top) {
    case 'healthy':
      return { kind: 'healthy', word: 'healthy' };
    case 'suspect':
      return { kind: 'suspect', word: 'suspect' };
    case 'blind':
      return { kind: 'blind', word: 'out of sight' };
    case 'joining':
      return { kind: 'joining', word: 'joining' };
    case 'awaitingCloud':
      return { kind: 'cloud', word: 'cloud at work' };
    case 'recovering':
    case 'settling':
      return { kind: 'settling', word: 'settling' };
    case 'held':
      return { kind: 'held', word: 'held' };
    case 'throttled':
      return { kind: 'failed', word: 'resting' };
    case 'retiring':
      return { kind: 'cloud', word: 'scaling down' };
    case 'repairing':
      if (step === 'admitting' && node.waiting !== null)
        return { kind: 'waiting', word: `waits: ${ruleWords[node.waiting.rule] ?? node.waiting.rule}` };
      return { kind: 'repairing', word: rungWords[rung ?? ''] ?? 'repairing' };
    default:
      return { kind: 'unknown', word: top === 'retired' ? 'retired' : 'not seen yet' };
  }
}

/** The rules of admission in a word or two. @type {Readonly<Record<string, string>>} */
export const ruleWords = {
  foreign: 'not ours',
  wanted: 'wanted again',
  locked: 'locked',
  freshFailure: 'Ready a moment ago',
  paused: 'paused',
  blind: 'out of sight',
  ready: 'Ready',
  freshSight: 'sight is fresh',
  cloudUnseen: 'cloud unseen',
  storm: 'storm',
  unconfirmed: 'unconfirmed',
  quorum: 'quorum',
  controlPlaneBudget: 'one master at a time',
  budget: 'budget',
};

/** The parts of a rung's work, in order. @type {readonly (readonly [string, string])[]} */
export const rungParts = [
  ['admitting', 'asks'],
  ['draining', 'drains'],
  ['confirming', 'asks again'],
  ['acting', 'acts'],
  ['awaitingReady', 'waits for Ready'],
];

/** The steps of the way back from a lost quorum. @type {Readonly<Record<string, string>>} */
export const recoveryNames = {
  confirming: 'Confirm the loss',
  reviving: 'Start what is stopped',
  choosingSource: 'Look for proof, and for data',
  preparingMaster: 'Choose or make a master',
  stoppingControlPlane: 'Stop the control plane',
  keepingOldData: 'Keep a copy of old data',
  restoringData: 'Make a cluster of one',
  replayingChanges: 'Bring later changes back',
  startingControlPlane: 'Start the API',
  reconciling: 'Take away what is gone',
  rejoining: 'The others join again',
  verifying: 'Compare their data',
};

/** What is done about a member, or about the lost quorum, in a few words. @type {Readonly<Record<string, string>>} */
const quorumWords = {
  restartingMember: 'restarting etcd',
  takingOut: 'taking a member out',
  replacingMember: 'replacing a member',
  promotingFound: 'promoting a learner',
  clearingAlarm: 'making room',
  reviving: 'no quorum: starting what is stopped',
  choosingSource: 'no quorum: looking for proof',
  undecided: 'no quorum: a person must decide',
  restoring: 'no quorum: bringing the data back',
  rejoining: 'the others join again',
  verifying: 'comparing their data',
  unverified: 'comparing their data',
  failed: 'no quorum: people are told',
  throttled: 'no quorum: resting after a failure',
};

/**
 * The quorum for the eye, and in a few words.
 * @param {{ readonly state: string, readonly held: boolean }} quorum
 * @returns {{ readonly kind: string, readonly word: string }}
 */
export function quorumState({ state }) {
  const [top = '', step = ''] = state.split('.');
  if (top === 'healthy') return { kind: 'healthy', word: 'etcd whole' };
  if (top === 'unknown') return { kind: 'unknown', word: 'etcd not seen yet' };
  const word = quorumWords[step];
  if (top === 'degraded')
    return word === undefined ? { kind: 'suspect', word: 'etcd degraded' } : { kind: 'repairing', word };
  if (step === 'rejoining' || step === 'verifying') return { kind: 'repairing', word: word ?? '' };
  return { kind: 'failed', word: word ?? 'no quorum' };
}

/**
 * One of its members for the eye, and in a few words.
 * @param {import('../../../machines/members.ts').MemberFacts} member
 * @param {string | null} leader the slot of the one that leads
 * @returns {{ readonly kind: string, readonly word: string }}
 */
export function memberState({ slot, role, health, alarm, instance }, leader) {
  if (alarm !== null)
    return { kind: 'failed', word: alarm === 'noSpace' ? 'store full (NOSPACE)' : 'data rotten (CORRUPT)' };
  if (role === 'none')
    return { kind: 'unknown', word: instance === 'gone' ? 'no instance' : 'no member yet' };
  if (health !== 'healthy')
    return { kind: 'suspect', word: `${role}, silent${instance === 'running' ? '' : `: ${instance}`}` };
  if (role === 'learner') return { kind: 'joining', word: 'learner' };
  return { kind: 'healthy', word: slot !== null && slot === leader ? 'voter, leads' : 'voter' };
}
