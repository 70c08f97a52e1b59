import type { Clock } from '../runtime/clock.ts';
import type { CataloguedBackup } from './catalog.ts';
import { inEachRegion } from './each-region.ts';
import { streamKey } from './format/frame.ts';
import type { AccountKey } from './keys/account-key.ts';
import { openManifest } from './manifest.ts';
import { namesOf, streamNames } from './names.ts';
import type { ObjectStore } from './objects/port.ts';
import { readBack } from './read-back.ts';
import type { RegionProblem } from './regions.ts';

/** How much longer than the first region another may take, in ms: one far away reads more slowly. */
const GRACE_MS = 5 * 60_000;

export interface CheckOptions {
  readonly backup: CataloguedBackup;
  readonly stores: readonly ObjectStore[];
  readonly key: AccountKey;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** Where a backup is whole, and what is wrong elsewhere. */
export interface Checked {
  readonly whole: readonly string[];
  readonly problems: readonly RegionProblem[];
}

/**
 * The cheap verification, on demand: every copy is read, decrypted, decompressed and hashed. Restores nothing: see `rehearse`. Rejects
 * with the key's failures.
 */
export async function checkBackup(options: CheckOptions): Promise<Checked> {
  const { backup, stores, key, clock, signal } = options;
  const { cluster, id, streams } = backup.manifest;
  const dataKey = await openManifest(backup, key, signal);
  const { done, problems } = await inEachRegion(
    {
      stores: stores.filter(({ region }) => backup.regions.includes(region)),
      about: `backup ${id}`,
      clock,
      graceMs: GRACE_MS,
      signal,
    },
    async (store, late) => {
      for (const name of streamNames)
        await readBack(
          {
            store,
            key: namesOf(cluster).stream(id, name),
            facts: streams[name],
            stream: streamKey(dataKey, `backup ${id} of ${cluster}`, name),
          },
          'content',
          late,
        );
    },
  );
  return { whole: done.map(({ store }) => store.region), problems };
}
