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

/** What a fault leaves open: chance decides it, or a person. */
export interface QuorumChoices {
  /** The master that is meant. */
  one(all: readonly Machine[]): Machine | undefined;
  /** So many that no quorum is left. */
  together(all: readonly Machine[]): readonly Machine[];
  /** How long it lasts, `mostMs` at most; null: until it is ended, or mended. */
  lastsMs(mostMs: number): number | null;
  region(regions: readonly string[]): string;
  /** Every copy of a backup, and not only one region's. */
  everyCopy(): boolean;
}

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

  /** False: there is nothing that could be broken in this way now. */
  inflict(kind: QuorumFault, choices: QuorumChoices): boolean {
    const { world, vault, note } = this.#parts;
    const { masters } = world;
    const all = this.#masters();
    const one = choices.one(all)?.instance;
    if (masters === null || one === undefined) return false;
    const process = masters.processes.get(one.id);
    note(`${kind}: ${one.tags[cloudTags.slot]} (${one.id}), if one is meant`);
    switch (kind) {
      case 'etcdStopped':
        masters.setStopped(one.id, true);
        return true;
      case 'etcdWiped':
        masters.wipe(one.id);
        return true;
      case 'etcdCorrupt': {
        // Of two that differ nobody can say who is right, and one alone has nobody to differ from: that is a person's.
        const group = process?.data?.group;
        const alarmed = group === undefined || [...group.alarms.values()].some((kinds) => kinds.size > 0);
        if (process === undefined || alarmed || group.activeVoters.length <= 2) return false;
        masters.etcd.rot(process);
        return true;
      }
      case 'etcdFull':
        if (process !== undefined) masters.etcd.fill(process);
        return process !== undefined;
      case 'etcdFrozen':
        if (process === undefined) return false;
        masters.etcd.setFrozen(process, true);
        this.#later(choices.lastsMs(longestFrozenMs), () => {
          if (process.isFrozen) masters.etcd.setFrozen(process, false);
        });
        return true;
      case 'mastersStoppedTogether':
        for (const { instance } of choices.together(all)) {
          world.cloud.stopByPerson(instance.id);
          this.#later(choices.lastsMs(longestStoppedMs), () => world.cloud.startByPerson(instance.id));
        }
        return true;
      case 'mastersLostTogether':
        for (const { instance } of choices.together(all)) world.cloud.deleteByPerson(instance.id);
        return true;
      case 'mastersAllLost':
        for (const { instance } of all) world.cloud.deleteByPerson(instance.id);
        return true;
      case 'backupRegionGone': {
        const region = choices.region(vault.regions);
        vault.gone.add(region);
        this.#later(choices.lastsMs(longestRegionAwayMs), () => vault.gone.delete(region));
        return true;
      }
      case 'backupDamaged': {
        const [newest] = vault.backups;
        const region = choices.region(vault.regions);
        if (choices.everyCopy()) newest?.whole.clear();
        else newest?.whole.delete(region);
        return newest !== undefined;
      }
    }
  }

  #later(ms: number | null, end: () => void): void {
    if (ms !== null) this.#parts.clock.after(ms, end);
  }

  /** Ends all that lasts. */
  calm(): void {
    const { world, vault } = this.#parts;
    vault.gone.clear();
    for (const process of world.masters?.processes.values() ?? [])
      if (process.isFrozen) world.masters?.etcd.setFrozen(process, false);
  }

  #masters(): readonly Machine[] {
    return [...this.#parts.world.cloud.machines.values()].filter(
      ({ instance: { tags } }) =>
        tags[cloudTags.cluster] === this.#parts.cluster && tags[cloudTags.role] === 'controlPlane',
    );
  }
}

/** What chance makes of it. */
export function byChance(random: Random): QuorumChoices {
  return {
    one: (all) => pick(random, all),
    /** So many that no quorum is left, or more; never all of three or more. */
    together(all) {
      const least = quorumOf(all.length);
      const most = Math.max(least, all.length - 1);
      const count = least + Math.floor(random.next() * (most - least + 1));
      const from = Math.floor(random.next() * all.length);
      return [...all.slice(from), ...all.slice(0, from)].slice(0, count);
    },
    lastsMs: (mostMs) => Math.ceil(random.next() * mostMs),
    region: (regions) => pick(random, regions) ?? '',
    everyCopy: () => random.next() < 0.5,
  };
}
