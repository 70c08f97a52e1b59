import type { QuorumEffects, RestoreSource, SourceChoice } from '../../../machines/etcd-quorum.ts';
import { bestSurvivor, lossProven, quorumOf, type SurvivingData } from '../../../machines/quorum.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { persist } from '../node/instance.ts';
import { lookNow } from './membership.ts';
import type { DataFound, Master, QuorumWorld } from './world.ts';

/** What was found out about one voter. */
export interface VoterFound {
  /** For people: the slot, or the member's id. */
  readonly name: string;
  readonly master: { readonly slot: string; readonly instanceId: string } | null;
  readonly data: DataFound;
}

/**
 * Decides what a lost cluster's data comes from. Pure. Only proof counts: while members whose loss is not proven could still be a quorum,
 * nothing is overwritten (safety 44). Of what survives the highest raft term, then index, carries on; only if nothing does, a backup.
 *
 * Data that etcd has found corrupt comes after every backup: etcd serves nobody from it, and the change log has what is newest.
 *
 * Data on a disk that takes no writes can be read, and can't serve: nothing is made of it, nor of data that is older. It is not lost
 * either: a reboot, or a person, may cure the disk.
 */
export function judge(
  voters: readonly VoterFound[],
  backups: Awaited<ReturnType<QuorumWorld['bestBackup']>> | null,
): Exclude<SourceChoice, { kind: 'held' }> {
  const evidence = voters.map(({ data }) =>
    data.kind === 'present' || data.kind === 'unknown' ? data.kind : 'gone',
  );
  if (!lossProven(evidence)) {
    const open = voters.filter(({ data }) => data.kind === 'present' || data.kind === 'unknown');
    const why = open.map(({ name, data }) => `${name} (${inWords(data)})`);
    return {
      kind: 'unproven',
      because: `${open.length} of ${voters.length} members may still come back, and ${quorumOf(voters.length)} are a quorum: ${why.join(', ')}`,
    };
  }
  const survivors = voters.flatMap(({ master, data }) =>
    data.kind === 'present' && !data.corrupt && master !== null ? [{ id: master.slot, ...data, master }] : [],
  );
  const furthest = bestSurvivor(survivors);
  const best = bestSurvivor(survivors.filter(({ writesFail }) => writesFail === ''));
  if (furthest !== null && (best === null || isBehind(best, furthest)))
    return {
      kind: 'unproven',
      because: `what ${furthest.id} has written (term ${furthest.raftTerm}, index ${furthest.raftIndex}) is nowhere else, and its disk takes no writes (${furthest.writesFail}). Decide: free or mend the disk of ${furthest.master.instanceId}; or delete that instance, and what only it has is lost`,
    };
  if (best !== null)
    return {
      kind: 'source',
      source: {
        kind: 'member',
        slot: best.master.slot,
        instanceId: best.master.instanceId,
        term: best.raftTerm,
        index: best.raftIndex,
      },
      because: `${voters.length - survivors.length} of ${voters.length} members are proven lost; of the others ${best.id} has come furthest (term ${best.raftTerm}, index ${best.raftIndex})`,
    };
  const unknown = voters.filter(({ data }) => data.kind === 'unknown');
  if (unknown.length > 0)
    return {
      kind: 'unproven',
      because: `a backup would lose what ${unknown.map(({ name }) => name).join(', ')} may still have: it could not be looked at`,
    };
  const corrupt = voters.filter(({ data }) => data.kind === 'present' && data.corrupt);
  const lost =
    corrupt.length === 0
      ? `all ${voters.length} members are proven lost`
      : `of ${voters.length} members' data only that of ${corrupt.map(({ name }) => name).join(' and ')} is left, and it is corrupt: etcd would serve nobody from it`;
  if (backups === null) return { kind: 'none', because: `${lost}; and no backup is configured` };
  const passed = backups.passedOver.map(({ key, why }) => `${key}: ${why}`).join('; ');
  if (backups.best === null)
    return {
      kind: 'none',
      because: `${lost}, and there is no verified backup that can be read${passed === '' ? '' : ` (${passed})`}. Decide: bring a whole copy of a backup back into its bucket, or have one verified with \`wdrip backup --verify ID\`; once one is verified, it is restored`,
    };
  const source: RestoreSource = backups.best;
  return {
    kind: 'source',
    source,
    because: `${lost}; the newest verified backup is ${source.key} in ${source.region}, revision ${source.revision}${passed === '' ? '' : `; passed over: ${passed}`}`,
  };
}

function inWords(data: DataFound): string {
  if (data.kind !== 'present') return data.why;
  if (data.corrupt) return 'its data is there, and corrupt';
  return data.writesFail === ''
    ? 'its data is there'
    : `its data is there, and its disk takes no writes: ${data.writesFail}`;
}

function isBehind(one: SurvivingData, other: SurvivingData): boolean {
  return (
    one.raftTerm < other.raftTerm || (one.raftTerm === other.raftTerm && one.raftIndex < other.raftIndex)
  );
}

/** Looks at every master and, if it comes to that, at the backups. Changes nothing. */
export function chooseSource(world: QuorumWorld) {
  return async (
    input: QuorumEffects['chooseSource']['input'],
    context: EffectContext,
  ): Promise<QuorumEffects['chooseSource']['output']> => {
    const { clock, signal } = context;
    const { look } = await lookNow(world, context);
    if (look.held) return { at: clock.now(), choice: { kind: 'held' } };
    const busy = world.workedOn();
    if (busy.length > 0)
      return {
        at: clock.now(),
        choice: {
          kind: 'unproven',
          because: `${busy.join(', ')} is worked on by a rung of its ladder: its end is waited for`,
        },
      };
    const masters = await persist(clock, signal, () => world.masters(signal));
    const voters = await Promise.all(
      input.voters.map(async (voter): Promise<VoterFound> => {
        const master = masters.find(({ slot }) => slot === voter.slot);
        const same = master !== undefined && master.instance.id === voter.instanceId ? master : null;
        const data = await dataOf(world, voter.instanceId, same, context);
        // A running etcd says so itself, and its database can't be read beside it.
        const isCorrupt = look.members.some(({ id, alarm }) => id === voter.memberId && alarm === 'corrupt');
        return {
          name: voter.slot ?? voter.memberId ?? 'a member without a name',
          master: same === null ? null : { slot: same.slot, instanceId: same.instance.id },
          data: data.kind === 'present' && isCorrupt ? { ...data, corrupt: true } : data,
        };
      }),
    );
    const needsBackup = voters.every(
      ({ data }) => data.kind !== 'unknown' && (data.kind !== 'present' || data.corrupt),
    );
    const backups = needsBackup
      ? await persist(clock, signal, () => world.bestBackup(input.readThrough, signal))
      : null;
    const choice = judge(voters, backups);
    world.log.warn('what a lost quorum can be brought back from', {
      choice: choice.kind,
      because: choice.because,
    });
    return { at: clock.now(), choice };
  };
}

/** Proof is asked of the cloud for an instance that is not in the list, and of the instance itself for its data. */
async function dataOf(
  world: QuorumWorld,
  instanceId: string | null,
  master: Master | null,
  context: EffectContext,
): Promise<DataFound> {
  if (instanceId === null) return { kind: 'unknown', why: 'its instance is not known' };
  if (master === null) {
    const found = await persist(context.clock, context.signal, () => world.cloud.findInstance(instanceId));
    return found === null
      ? { kind: 'missing', why: `the cloud has no instance ${instanceId} any more`, writesFail: 'it is gone' }
      : { kind: 'unknown', why: `${instanceId} exists and does not carry a master's tags` };
  }
  if (master.instance.status !== 'Running')
    return { kind: 'unknown', why: `its instance ${instanceId} is ${master.instance.status}` };
  return world.host.lookAtData(instanceId, context);
}
