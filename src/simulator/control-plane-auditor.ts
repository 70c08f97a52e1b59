import { quorumOf } from '../../machines/quorum.ts';
import { cloudTags } from '../cloud/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Violation } from './invariants.ts';
import {
  dataOnce,
  furthestCarriesOn,
  holdsWhatWasPromised,
  membersKeepQuorum,
  newestVerifiedStays,
  nobodyServes,
  restoredOnProof,
  revisionsGoOn,
  wipesNoMember,
} from './quorum-invariants.ts';
import type { Group } from './world/etcd/group.ts';
import type { Log } from './world/etcd/log.ts';
import type { Acknowledged, MembershipChange } from './world/etcd.ts';
import type { DataDeed, Masters } from './world/masters.ts';
import type { Vault, VaultBackup } from './world/vault.ts';
import type { World } from './world/world.ts';

/** How often somebody writes through the API, in ms. */
const writeEveryMs = 20_000;
const writerKey = Buffer.from('writer/last');
/** People look at a quorum that wdrip can't decide on after this long, and delete what will never boot again. In ms. */
const peopleLookAfterMs = 1_800_000;

export interface ControlPlaneAuditorParts {
  readonly clock: Clock;
  readonly world: World;
  readonly masters: Masters;
  readonly vault: Vault;
  readonly note: (text: string) => void;
  readonly judge: (invariant: Violation['invariant'], violations: readonly Violation[]) => void;
}

/**
 * Writes through the API, looks on at what is done to etcd, and puts together what the invariants of quorum-invariants.ts are asked with.
 */
export class ControlPlaneAuditor {
  readonly #parts: ControlPlaneAuditorParts;
  readonly #times = new Map<string, number>();
  /** The members that served last; data that was made anew since, and what it must hold. */
  #served: Group | null = null;
  /** Since when enough of their voters stand, in epoch ms. */
  readonly #standingSince = new Map<Group, number>();
  #anew: { readonly from: 'force' | 'restore'; readonly promised: number } | null = null;
  #written = 0;
  #toldRevision = 0;
  /** Since when the quorum's actor can't decide, in epoch ms. */
  #undecidedSince: number | null = null;

  constructor(parts: ControlPlaneAuditorParts) {
    this.#parts = parts;
    parts.clock.after(writeEveryMs, () => this.#write());
  }

  membership(change: MembershipChange): void {
    this.#parts.note(
      `etcd: ${change.what} of ${change.id}: ${change.after.healthy}/${change.after.voters} voters`,
    );
    this.#parts.judge(1, membersKeepQuorum(change));
  }

  acknowledged({ group, revision }: Acknowledged): void {
    if (this.#parts.masters.serving === group) this.#toldRevision = Math.max(this.#toldRevision, revision);
  }

  data({ what, instance, attempt, before, after }: DataDeed): void {
    const { masters, judge, note, vault } = this.#parts;
    note(`etcd: ${what} on ${instance}`);
    const times = (this.#times.get(attempt) ?? 0) + 1;
    this.#times.set(attempt, times);
    const served = this.#served;
    const voters = served?.members.filter(({ learner }) => !learner) ?? [];
    const left = served === null ? [] : this.#left(served, before, instance);
    const isVoter = (id: string) => voters.some((each) => each.id === id);
    const furthest = left
      .filter(({ reachable, rotten }) => reachable && !rotten)
      .reduce<{ term: number; index: number } | null>(
        (best, { term, index }) =>
          best === null || term > best.term || (term === best.term && index > best.index)
            ? { term, index }
            : best,
        null,
      );
    const done = {
      what,
      instance,
      times,
      voters: voters.length,
      intact: left.filter(({ memberId }) => isVoter(memberId)).length,
      wasVoter:
        before !== null && before.group === served && isVoter(before.memberId) && masters.serving !== null,
      came: before === null ? null : { term: before.term, index: before.index },
      furthest,
      served: masters.serving !== null,
    };
    judge(4, dataOnce(done));
    if (served !== null) judge('safety 44', restoredOnProof(done));
    judge('safety 43', wipesNoMember(done));
    judge(7, furthestCarriesOn(done));
    judge('safety 45', nobodyServes(done));
    if (what === 'wipe') return;
    const { best } = vault.best(true);
    const promised =
      what === 'force'
        ? lastWrite(before?.group.log ?? null, before?.committed ?? 0)
        : best === null
          ? 0
          : lastWrite(best.log, vault.shipped(best.history, best.revision)?.index ?? best.index);
    this.#anew = { from: what, promised };
    if (after === null) note('etcd: there was nothing to go on with');
  }

  pruned(removed: readonly VaultBackup[], left: readonly VaultBackup[]): void {
    const verifiedBefore = [...removed, ...left]
      .filter(({ verified }) => verified)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .map(({ id }) => id);
    this.#parts.judge(7, newestVerifiedStays({ verifiedBefore, left: left.map(({ id }) => id) }));
  }

  /** Some member, leader or unit has changed. */
  changed(): void {
    this.#noteStanding();
    const group = this.#parts.masters.serving;
    if (group === null || group === this.#served) return;
    const { judge, note } = this.#parts;
    if (this.#served !== null) note('etcd: the API is served by members that were made anew');
    if (this.#served !== null && this.#anew !== null) {
      const { log } = group;
      const anew = {
        ...this.#anew,
        has: lastWrite(log, log.lastIndex),
        revision: log.revision,
        toldRevision: this.#toldRevision,
      };
      judge(7, holdsWhatWasPromised(anew));
      judge('safety 45', revisionsGoOn(anew));
      this.#toldRevision = Math.max(log.revision, this.#toldRevision);
    }
    this.#served = group;
    this.#anew = null;
  }

  /** For how long the quorum that this instance's member is of has stood, in ms: 0 if it does not. */
  quorumStoodFor(instance: string): number {
    const group = this.#parts.masters.processes.get(instance)?.data?.group;
    const since = group === undefined ? undefined : this.#standingSince.get(group);
    return since === undefined ? 0 : this.#parts.clock.now() - since;
  }

  #noteStanding(): void {
    const { masters, clock } = this.#parts;
    const groups = new Set([...masters.processes.values()].flatMap(({ data }) => data?.group ?? []));
    for (const group of this.#standingSince.keys()) if (!groups.has(group)) this.#standingSince.delete(group);
    for (const group of groups)
      if (group.activeVoters.length < group.quorum) this.#standingSince.delete(group);
      else if (!this.#standingSince.has(group)) this.#standingSince.set(group, clock.now());
  }

  /** What the quorum's actor is at: people do what it asks them for. */
  people(state: string): void {
    const { clock, world, note } = this.#parts;
    const isStuck = /^lost\.(undecided|throttled|confirming|reviving|choosingSource)/.test(state);
    if (!isStuck) this.#undecidedSince = null;
    else this.#undecidedSince ??= clock.now();
    if (this.#undecidedSince === null || clock.now() - this.#undecidedSince < peopleLookAfterMs) return;
    for (const { instance } of [...world.cloud.machines.values()]) {
      if (instance.tags[cloudTags.role] !== 'controlPlane') continue;
      if (world.life.ailments.get(instance.id) !== 'unbootable') continue;
      note(`a person deletes ${instance.id}, which will never boot again`);
      world.cloud.deleteByPerson(instance.id);
    }
  }

  /** Masters whose member votes, by now. */
  voting(): number {
    const group = this.#parts.masters.serving;
    return group === null || group.members.some(({ learner }) => learner) ? 0 : group.activeVoters.length;
  }

  /**
   * Data of these members that lies whole on an instance that exists. `changed`: the instance whose data has just been changed, from
   * `before`.
   */
  #left(group: Group, before: DataDeed['before'], changed: string) {
    const { world, masters } = this.#parts;
    return [...masters.processes].flatMap(([id, process]) => {
      const machine = world.cloud.machines.get(id);
      const data = id === changed ? before : process.data;
      if (machine === undefined || data === null || data.group !== group) return [];
      if (world.life.ailments.get(id) === 'disk') return [];
      const { status, zone } = machine.instance;
      const reachable = status === 'Running' && machine.agentAlive && !world.cloud.failedZones.has(zone);
      const { memberId, term, index, rotten } = data;
      return [{ memberId, term, index, rotten, reachable }];
    });
  }

  #write(): void {
    const { clock, masters } = this.#parts;
    clock.after(writeEveryMs, () => this.#write());
    const group = masters.serving;
    if (
      group === null ||
      group.activeVoters.length < quorumOf(group.members.filter(({ learner }) => !learner).length)
    )
      return;
    this.#written += 1;
    const revision = group.write([
      {
        type: 'put',
        key: writerKey,
        value: Buffer.from(String(this.#written)),
        version: 0,
        createRevision: 0,
        modRevision: 0,
        lease: null,
      },
    ]);
    this.acknowledged({ group, revision });
  }
}

/** The writer's last write in a log up to an index; 0: there is none. */
function lastWrite(log: Log | null, index: number): number {
  for (let at = Math.min(index, log?.lastIndex ?? 0); at > 0; at--)
    for (const change of log?.entries[at - 1]?.changes ?? [])
      if (change.type === 'put' && Buffer.from(change.key).equals(writerKey))
        return Number(Buffer.from(change.value).toString());
  return 0;
}
