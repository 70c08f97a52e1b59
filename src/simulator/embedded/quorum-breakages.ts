import { quorumOf } from '../../../machines/quorum.ts';
import { cloudTags } from '../../cloud/port.ts';
import { Failure } from '../../failure.ts';
import { backupRegions } from '../config.ts';
import { type QuorumFault, quorumFaults } from '../faults.ts';
import type { Machine } from '../world/machine.ts';
import type { Breakage } from './breakages.ts';
import type { EmbeddedCluster } from './cluster.ts';
import type { Outages } from './outages.ts';

/** How long a region of the object storage is away, in ms of the cluster's time: two backups long. */
const regionAwayMs = 1_200_000;

/** Of etcd's members and their backups: the simulator's own faults, of which each must have its button. */
interface OfQuorum extends Breakage {
  readonly id: QuorumFault;
  readonly group: 'controlPlane';
  /** One master is meant: the picked one, or else the second. */
  readonly ofOne: boolean;
}

const ofQuorum: Readonly<Record<QuorumFault, Omit<OfQuorum, 'id' | 'group'>>> = {
  etcdStopped: {
    ofOne: true,
    label: 'Stop etcd',
    hint: 'Of one master: started again',
    did: 'stopped its etcd',
  },
  etcdFrozen: {
    ofOne: true,
    label: 'Freeze etcd',
    hint: 'It runs and says nothing: restarted',
    did: 'froze its etcd',
  },
  etcdWiped: {
    ofOne: true,
    label: 'Delete its etcd data',
    hint: 'Taken out, and back as a learner',
    did: 'deleted the data of its etcd',
  },
  etcdCorrupt: {
    ofOne: true,
    label: 'Let its etcd data rot',
    hint: 'CORRUPT: the liar goes, at once',
    did: 'let a bit rot in the data of its etcd',
  },
  etcdFull: {
    ofOne: true,
    label: 'Fill the store of etcd',
    hint: 'NOSPACE: room is made',
    did: 'filled the store of its etcd',
  },
  mastersStoppedTogether: {
    ofOne: false,
    label: 'Stop two masters',
    hint: 'No quorum: started, nothing lost',
    did: 'stopped two of the three masters',
  },
  mastersLostTogether: {
    ofOne: false,
    label: 'Delete two masters',
    hint: 'Goes on with what survives',
    did: 'deleted two of the three masters, and their data with them',
  },
  mastersAllLost: {
    ofOne: false,
    label: 'Delete all masters',
    hint: 'Restored from the backup',
    did: 'deleted all masters, and their data with them',
  },
  backupDamaged: {
    ofOne: false,
    label: 'Damage the newest backup',
    hint: 'In all regions: passed over',
    did: 'damaged the newest backup in all regions',
  },
  backupRegionGone: {
    ofOne: false,
    label: 'Lose a backup region',
    hint: 'The other has everything, too',
    did: `made the region ${backupRegions[0]} unreachable for backups`,
  },
};

export const quorumBreakages: readonly OfQuorum[] = quorumFaults.map((id) => ({
  id,
  group: 'controlPlane',
  ...ofQuorum[id],
}));

/**
 * Breaks it: `picked` is the master that a person has picked. Returns the slot of the one that was meant, or null where none is. Throws
 * `Failure` `NothingToBreak`.
 */
export function breakQuorum(
  cluster: EmbeddedCluster,
  outages: Outages,
  breakage: OfQuorum,
  picked: string | null,
): string | null {
  let meant: Machine | undefined;
  const isBroken = cluster.quorumStriker.inflict(breakage.id, {
    one(all) {
      meant = all.find((each) => slotOf(each) === picked) ?? all[1] ?? all[0];
      return meant;
    },
    together: (all) => all.slice(-quorumOf(all.length)),
    lastsMs(mostMs) {
      if (breakage.id !== 'backupRegionGone') return null;
      const forMs = Math.min(mostMs, regionAwayMs);
      outages.note(breakage.id, forMs, () => cluster.quorumStriker.calm());
      return forMs;
    },
    region: ([first = '']) => first,
    everyCopy: () => true,
  });
  if (!isBroken)
    throw new Failure({
      kind: 'rejected',
      code: 'NothingToBreak',
      message: `${breakage.label}: there is nothing that could be broken in this way now`,
    });
  return breakage.ofOne && meant !== undefined ? slotOf(meant) : null;
}

function slotOf({ instance }: Machine): string {
  return instance.tags[cloudTags.slot] ?? '';
}
