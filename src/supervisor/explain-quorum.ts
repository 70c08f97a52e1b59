import type { BackupContext } from '../../machines/backup.ts';
import type { MemberFacts } from '../../machines/members.ts';
import type { QuorumContext } from '../../machines/quorum-contract.ts';
import type { ActorRecord } from '../runtime/record.ts';
import type { ControlPlane } from './control-plane.ts';
import { statePath } from './fleet.ts';

/** The quorum as `wdrip get -r quorum` and `explain quorum` show it. Times are epoch ms. */
export interface QuorumReport {
  readonly state: string;
  readonly since: number;
  /** A quorum answered in the newest look. */
  readonly held: boolean;
  /** Voters wanted, and how many of them are there and healthy. */
  readonly size: number;
  readonly healthy: number;
  readonly why: string;
  readonly next: { readonly at: number; readonly what: string } | null;
  readonly waiting: { readonly rule: string; readonly why: string; readonly since: number } | null;
  readonly permit: boolean;
  readonly members: readonly MemberFacts[];
  readonly lastFailure: { readonly code: string; readonly message: string } | null;
}

/** What happens when each delay of the quorum machine runs out, for people. */
const whenDue: Readonly<Record<string, string>> = {
  patience: 'it is looked what can be done, if it has not come back by then',
  lookAgain: 'the next step is chosen',
  nextCheck: 'the next look at all members',
  memberWait: 'the member is replaced, if it does not answer by then',
  changeDeadline: 'this step counts as failed, if it is not done by then',
  reviveDeadline: 'what survives is looked for, if no quorum is back by then',
  lookDeadline: 'the look counts as failed, if it is not done by then',
  restoreDeadline: 'the restore counts as failed, if it is not done by then',
  throttle: 'everything is tried again',
};

/** Pure. `record`: the quorum's actor. */
export function reportQuorum(record: ActorRecord, controlPlane: Pick<ControlPlane, 'waiting'>): QuorumReport {
  // The runtime has checked the record's machine and version, so its context is what it says.
  const context = record.snapshot.context as unknown as QuorumContext;
  const state = statePath(record.snapshot.value);
  const waiting = controlPlane.waiting();
  const [due] = Object.entries(record.deadlines).sort((a, b) => a[1] - b[1]);
  const { failure } = context;
  return {
    state,
    since: record.since,
    held: context.held,
    size: context.size,
    healthy: context.members.filter(({ role, health }) => role === 'voter' && health === 'healthy').length,
    why: because(state, context, waiting?.why ?? null),
    next: due === undefined ? null : { at: due[1], what: whenDue[due[0].split('.')[2] ?? ''] ?? due[0] },
    waiting: waiting === null ? null : { rule: waiting.rule, why: waiting.why, since: waiting.since },
    permit: context.permit !== null,
    members: context.members,
    lastFailure: failure === null ? null : { code: failure.code, message: failure.message },
  };
}

function because(state: string, context: QuorumContext, waiting: string | null): string {
  const { target, paused } = context;
  const who = target?.slot ?? target?.memberId ?? 'a member';
  if (waiting !== null) return `waits for a permit to change the membership: ${waiting}`;
  const [top, step = '', inner = '', innermost = ''] = state.split('.');
  if (top === 'unknown') return 'etcd has not been seen yet';
  if (top === 'healthy') return 'every master has a healthy voting member';
  if (paused) return `${missing(context)}; repairs are paused`;
  switch (top === 'degraded' ? step : inner === '' || step !== 'rejoining' ? step : inner) {
    case 'waiting':
    case 'looking':
    case 'choosing':
      return `${missing(context)}: it may come back by itself, or with its node`;
    case 'restartingMember':
      return `${missing(context)}: etcd is restarted on ${who}`;
    case 'takingOut':
      return `the member of ${who} is taken out: it is not to come back`;
    case 'replacingMember':
      return `${who} is brought back into etcd (${top === 'degraded' ? inner : innermost})`;
    case 'promotingFound':
      return `the learner of ${who} has joined, and is promoted as soon as it has caught up`;
    case 'clearingAlarm':
      return 'the store is full: room is made, one member after the other';
    case 'confirming':
      return `no quorum answers: ${context.failedChecks} checks in a row have failed`;
    case 'reviving':
      return 'the loss is confirmed: stopped instances and etcd are started, which loses nothing';
    case 'choosingSource':
      if (context.failure?.code === 'BackupDamaged')
        return `a backup is damaged, and the next best is looked for: ${context.failure.message}`;
      return 'it did not come back: proof is looked for, and what loses least';
    case 'undecided':
      return `nothing is overwritten: ${context.because ?? 'not known yet'}`;
    case 'restoring':
      return `the data is brought back: ${context.because ?? ''}`;
    case 'verifying':
      return 'all are back: their data is compared';
    default:
      return context.failure?.message ?? context.because ?? missing(context);
  }
}

function missing({ members, size }: QuorumContext): string {
  const well = members.filter(({ role, health }) => role === 'voter' && health === 'healthy').length;
  const ill = members.filter(({ role, health }) => role !== 'voter' || health !== 'healthy');
  const names = ill.map(({ slot, memberId }) => slot ?? memberId ?? '?').join(', ');
  return `${well} of ${size} etcd members are healthy voters${names === '' ? '' : ` (not: ${names})`}`;
}

/** The backups' actor, for people. */
export interface BackupReport {
  readonly state: string;
  readonly since: number;
  readonly nextAt: number | null;
  readonly failures: number;
  readonly lastFailure: { readonly code: string; readonly message: string } | null;
  readonly taken: BackupContext['taken'];
  /** The newest that a rehearsal has restored. */
  readonly verified: BackupContext['verified'];
}

export function reportBackup(record: ActorRecord): BackupReport {
  // As above.
  const { failures, failure, taken, verified } = record.snapshot.context as unknown as BackupContext;
  const [due] = Object.values(record.deadlines).sort((a, b) => a - b);
  return {
    state: statePath(record.snapshot.value),
    since: record.since,
    nextAt: due ?? null,
    failures,
    lastFailure: failure === null ? null : { code: failure.code, message: failure.message },
    taken,
    verified,
  };
}
