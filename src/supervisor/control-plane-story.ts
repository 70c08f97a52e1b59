import type { BackupContext } from '../../machines/backup.ts';
import type { QuorumContext, RestoreSource } from '../../machines/quorum-contract.ts';
import type { RecoveryContext } from '../../machines/recovery.ts';
import type { Words } from './story.ts';

/** Where the data of a recovery comes from, for people. */
export function sourceInWords(source: RestoreSource): string {
  return source.kind === 'member'
    ? `the data that survived on ${source.slot}`
    : `the backup ${source.key} in ${source.region}`;
}

const backWords = 'etcd: the quorum is back, and nothing had to be restored';

/** A change of the quorum's actor, in a person's words. Null where nothing happened that a person would want to hear of. */
export function quorumWords(from: string, to: string, context: QuorumContext): Words | null {
  const [top = '', step = '', inner = ''] = to.split('.');
  if (top === 'healthy')
    return from === 'unknown' || from === ''
      ? null
      : {
          slot: null,
          tone: 'good',
          text: /^lost\.(?!verifying)/.test(from)
            ? backWords
            : 'etcd: every master has a healthy voting member again',
        };
  if (top === 'degraded')
    return from.startsWith('degraded')
      ? memberWords(from.slice('degraded.'.length), to.slice('degraded.'.length), context)
      : degradedWords(from, context);
  if (top !== 'lost') return null;
  const ofLost = lossWords(from, step, inner, context);
  if (ofLost !== null) return { slot: null, ...ofLost };
  if (step !== 'rejoining') return null;
  return memberWords(from.replace(/^lost\.rejoining\.?/, ''), to.slice('lost.rejoining.'.length), context);
}

function degradedWords(from: string, { members }: QuorumContext): Words {
  const ill = members.filter(
    ({ role, health, alarm }) => role !== 'voter' || health !== 'healthy' || alarm !== null,
  );
  const names = ill.map(({ slot, memberId }) => slot ?? memberId ?? 'a member').join(', ');
  if (from.startsWith('lost')) return { slot: null, tone: 'good', text: backWords };
  const what = ill.some(({ alarm }) => alarm === 'corrupt')
    ? `the data of ${names} has rotted (CORRUPT), and etcd serves nobody beside it`
    : ill.some(({ alarm }) => alarm === 'noSpace')
      ? `the store of ${names} is full (NOSPACE), and nothing can be written`
      : `${names === '' ? 'a member' : names} is not well, and the others carry on`;
  return { slot: null, tone: 'trouble', text: `etcd: ${what}` };
}

function lossWords(
  from: string,
  step: string,
  inner: string,
  context: QuorumContext,
): Omit<Words, 'slot'> | null {
  const wasThere = from.startsWith(`lost.${step}`);
  switch (step) {
    case 'confirming':
      return inner === 'resting' && !wasThere
        ? {
            tone: 'trouble',
            text: from.startsWith('lost')
              ? 'etcd: it is looked once more whether a quorum answers'
              : 'etcd: no quorum answers, so the API writes nothing. It is looked again and again: a loss that passes is none',
          }
        : null;
    case 'reviving':
      return {
        tone: 'work',
        text: 'etcd: the loss is confirmed. What is stopped is started: that loses nothing',
      };
    case 'choosingSource':
      if (from.startsWith('lost.restoring'))
        return {
          tone: 'trouble',
          text: `etcd: the backup is damaged (${context.failure?.message ?? 'no reason is known'}). Every copy is read through, and the next best is taken`,
        };
      return {
        tone: 'work',
        text: 'etcd: it did not come back. Proof is looked for on every master, and the data that loses least',
      };
    case 'undecided':
      return { tone: 'trouble', text: `etcd: nothing is overwritten: ${context.because ?? 'not known yet'}` };
    case 'restoring':
      return {
        tone: 'work',
        text: `etcd: the loss is proven. ${context.because ?? 'The data is brought back'}`,
      };
    case 'rejoining':
      return from.startsWith('lost.restoring')
        ? { tone: 'good', text: 'etcd: the API is writable again. The other masters join, one at a time' }
        : null;
    case 'verifying':
      return { tone: 'work', text: 'etcd: all masters are back. Their data is compared' };
    case 'unverified':
      return { tone: 'trouble', text: 'etcd: the members do not hold the same yet: it is looked again' };
    case 'throttled':
      return {
        tone: 'trouble',
        text: `etcd: nothing more can be done alone (${context.failure?.message ?? context.because ?? 'the quorum is lost'}): people are told`,
      };
    default:
      return null;
  }
}

/** Steps that repair a membership whose quorum holds: while it is degraded, and after a restore. */
function memberWords(from: string, to: string, { target, failure }: QuorumContext): Words | null {
  const slot = target?.slot ?? null;
  const who = slot === null ? ` ${target?.memberId ?? ''}`.trimEnd() : '';
  const work = (text: string): Words => ({ slot, tone: 'work', text });
  switch (to) {
    case 'restartingMember.acting':
      return work('etcd: restarted there, which takes nothing away');
    case 'takingOut.admitting':
    case 'replacingMember.admitting':
      return work(
        `etcd: asks whether the membership may be changed: ${target?.memberId == null ? 'a member is missing' : `the member${who} is not well`}`,
      );
    case 'takingOut.removing':
    case 'replacingMember.removing':
      return work(`etcd: takes the member${who} out: it is not to come back as it was`);
    case 'replacingMember.rebuilding':
      return work('etcd: empties the data directory, and sets it up to join');
    case 'replacingMember.addingLearner':
      return work('etcd: joins as a learner, which counts for no quorum');
    case 'replacingMember.promoting':
      return work('etcd: catches up, and is promoted to a voter then');
    case 'promotingFound':
      return work('etcd: its learner has joined, and is promoted when it has caught up');
    case 'clearingAlarm':
      return work('etcd: the store is full. Makes room on one member after the other, and lifts the alarm');
    case 'replacingMember.resting':
      return {
        slot,
        tone: 'trouble',
        text: `etcd: that did not work (${failure?.message ?? 'no reason is known'}): it rests, and looks anew`,
      };
    case 'looking':
      return from.startsWith('replacingMember.promoting') || from === 'promotingFound'
        ? { slot: null, tone: 'good', text: 'etcd: the new member votes' }
        : null;
    default:
      return null;
  }
}

const recoveryDoing: Readonly<Record<string, string>> = {
  preparingMaster: 'a master is chosen that gets the data',
  stoppingControlPlane: 'API servers, controllers and etcd are stopped wherever they can be reached',
  keepingOldData: 'a copy of whatever data is there is kept',
  restoringData: 'a cluster of one is made from the data',
  replayingChanges: 'what was changed after the snapshot is brought back',
  startingControlPlane: 'the API server and the controllers are started',
  reconciling: 'what the data says of things that are gone is taken away',
};

export function recoveryWords(from: string, to: string, context: RecoveryContext): Words | null {
  const [step = '', inner] = to.split('.');
  const slot = context.master?.slot ?? null;
  if (from === '')
    return { slot: null, tone: 'work', text: `recovery: begins, from ${sourceInWords(context.source)}` };
  if (step === 'recovered')
    return {
      slot,
      tone: 'good',
      text: `recovery: done, at revision ${context.revision}${context.lost === null ? '' : `. Lost: ${context.lost}`}`,
    };
  if (step === 'failed')
    return {
      slot,
      tone: 'trouble',
      text: `recovery: failed: ${context.failure?.message ?? 'no reason is known'}`,
    };
  if (inner === 'resting')
    return {
      slot,
      tone: 'trouble',
      text: `recovery: that did not work (${context.failure?.message ?? 'no reason is known'}): it is tried again`,
    };
  if (from.startsWith(`${step}.`)) return null;
  return { slot, tone: 'work', text: `recovery: ${recoveryDoing[step] ?? step}` };
}

/** Only what is not as usual: neither a backup every ten minutes is news, nor each of many failures in a row. */
export function backupWords(to: string, { failures, failure }: BackupContext): Words | null {
  if (to !== 'failing' || failures !== 1) return null;
  return {
    slot: null,
    tone: 'trouble',
    text: `backup: it failed (${failure?.message ?? 'no reason is known'}). The older ones are all there; it is tried again`,
  };
}
