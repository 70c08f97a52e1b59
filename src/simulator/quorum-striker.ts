import { quorumOf } from '../../machines/quorum.ts';
import { cloudTags } from '../cloud/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { pick, type QuorumFault } from './faults.ts';
import type { Machine } from './world/machine.ts';
import type { Vault } from './world/vault.ts';
import type { World } from './world/world.ts';

/** How long what passes by itself lasts at most, in ms: stopped masters are started by hand, before or after the loss is confirmed. */
const longestFrozenMs = 300_000;
const longestStoppedMs = 400_000;
const longestRegionAwayMs = 1_800_000;

/** Breaks etcd, and what etcd is restored from. */
export class QuorumStriker {
  readonly #parts: {
    readonly clock: Clock;
    readonly cluster: string;
    readonly world: World;
    readonly vault: Vault;
    readonly note: (text: string) => void;
  };

  constructor(parts: {
    readonly clock: Clock;
    readonly cluster: string;
    readonly world: World;
    readonly vault: Vault;
    readonly note: (text: string) => void;
  }) {
    this.#parts = parts;
  }

  inflict(kind: QuorumFault, random: Random): void {
    const { world, vault, clock, note } = this.#parts;
    const { masters } = world;
    const all = this.#masters();
    const one = pick(random, all)?.instance;
    if (masters === null || one === undefined) return;
    const process = masters.processes.get(one.id);
    note(`${kind}: ${one.tags[cloudTags.slot]} (${one.id}), if one is meant`);
    switch (kind) {
      case 'etcdStopped':
        masters.setStopped(one.id, true);
        break;
      case 'etcdWiped':
        masters.wipe(one.id);
        break;
      case 'etcdCorrupt': {
        // Of two that differ nobody can say who is right, and one alone has nobody to differ from: that is a person's.
        const group = process?.data?.group;
        const alarmed = group === undefined || [...group.alarms.values()].some((kinds) => kinds.size > 0);
        if (process !== undefined && !alarmed && group.activeVoters.length > 2) masters.etcd.rot(process);
        break;
      }
      case 'etcdFull':
        if (process !== undefined) masters.etcd.fill(process);
        break;
      case 'etcdFrozen':
        if (process === undefined) break;
        masters.etcd.setFrozen(process, true);
        clock.after(Math.ceil(random.next() * longestFrozenMs), () => {
          if (process.isFrozen) masters.etcd.setFrozen(process, false);
        });
        break;
      case 'mastersStoppedTogether':
        for (const { instance } of this.#some(all, random)) {
          world.cloud.stopByPerson(instance.id);
          clock.after(Math.ceil(random.next() * longestStoppedMs), () =>
            world.cloud.startByPerson(instance.id),
          );
        }
        break;
      case 'mastersLostTogether':
        for (const { instance } of this.#some(all, random)) world.cloud.deleteByPerson(instance.id);
        break;
      case 'mastersAllLost':
        for (const { instance } of all) world.cloud.deleteByPerson(instance.id);
        break;
      case 'backupRegionGone': {
        const region = pick(random, vault.regions) ?? '';
        vault.gone.add(region);
        clock.after(Math.ceil(random.next() * longestRegionAwayMs), () => vault.gone.delete(region));
        break;
      }
      case 'backupDamaged': {
        const [newest] = vault.backups;
        const region = pick(random, vault.regions) ?? '';
        if (random.next() < 0.5) newest?.whole.clear();
        else newest?.whole.delete(region);
      }
    }
  }

  /** Ends all that lasts. */
  calm(): void {
    const { world, vault } = this.#parts;
    vault.gone.clear();
    for (const process of world.masters?.processes.values() ?? [])
      if (process.isFrozen) world.masters?.etcd.setFrozen(process, false);
  }

  /** So many that no quorum is left, or more; never all of three or more. */
  #some(all: readonly Machine[], random: Random): readonly Machine[] {
    const least = quorumOf(all.length);
    const most = Math.max(least, all.length - 1);
    const count = least + Math.floor(random.next() * (most - least + 1));
    const from = Math.floor(random.next() * all.length);
    return [...all.slice(from), ...all.slice(0, from)].slice(0, count);
  }

  #masters(): readonly Machine[] {
    return [...this.#parts.world.cloud.machines.values()].filter(
      ({ instance: { tags } }) =>
        tags[cloudTags.cluster] === this.#parts.cluster && tags[cloudTags.role] === 'controlPlane',
    );
  }
}
