import type { BackupFacts } from '../../machines/backup.ts';
import { sourceInWords } from './control-plane-story.ts';
import { type QuorumReport, reportBackup, reportQuorum } from './explain-quorum.ts';
import { actorIds } from './fleet.ts';
import { newestRecovery } from './recoveries.ts';
import { type RecoveryStep, recoveryLadder } from './recovery-ladder.ts';
import type { Current } from './subject.ts';

/** The control plane at a glance, as the page's feed carries it. Times are epoch ms. */
export interface ControlPlaneView extends QuorumReport {
  /** The slot of the master whose member leads; null: none, or nobody's that we know. */
  readonly leader: string | null;
  /** The way back from a lost quorum; empty while it holds. */
  readonly steps: readonly RecoveryStep[];
  /** Where the data comes from, once that is chosen. */
  readonly source: string | null;
  /** Null: the cluster has no backups. */
  readonly backups: BackupsView | null;
}

export interface BackupsView {
  readonly state: string;
  /** The newest that a rehearsal has restored; null: there is none, which is an alarm. */
  readonly verified: Pick<BackupFacts, 'key' | 'takenAt' | 'regions'> | null;
  /** When the schedule takes the next one; null while one is being made. */
  readonly nextAt: number | null;
  readonly lastFailure: QuorumReport['lastFailure'];
  /** How far the change log is behind, in ms, in whole steps of `behindStepMs`; null: none is shipped now. */
  readonly behindMs: number | null;
}

/** A lag of seconds is as it should be, and its last digit is no news. */
const behindStepMs = 5_000;

/** Null: etcd has not been seen yet, or wdrip was given no way into it. */
export function controlPlaneView({ supervisor, runtime, backups }: Current): ControlPlaneView | null {
  const { controlPlane } = supervisor;
  const record = runtime.record(actorIds.quorum);
  if (controlPlane === null || record === undefined) return null;
  const report = reportQuorum(record, controlPlane);
  const leads = controlPlane.view()?.look.leader ?? null;
  const isLost = report.state.startsWith('lost');
  const source = controlPlane.context()?.source ?? null;
  const atWork = report.state.startsWith('lost.restoring') ? newestRecovery(runtime) : null;
  return {
    ...report,
    leader: leads === null ? null : (report.members.find(({ memberId }) => memberId === leads)?.slot ?? null),
    steps: recoveryLadder(report.state, atWork, source),
    source: isLost && source !== null ? sourceInWords(source) : null,
    backups: backups === null ? null : backupsView(runtime, backups.shipped()?.lagMs ?? null),
  };
}

function backupsView(runtime: Current['runtime'], lagMs: number | null): BackupsView | null {
  const record = runtime.record(actorIds.backup);
  if (record === undefined) return null;
  const { state, nextAt, lastFailure, verified } = reportBackup(record);
  return {
    state,
    verified:
      verified === null ? null : { key: verified.key, takenAt: verified.takenAt, regions: verified.regions },
    nextAt: state === 'resting' ? nextAt : null,
    lastFailure,
    behindMs: lagMs === null ? null : Math.floor(lagMs / behindStepMs) * behindStepMs,
  };
}
