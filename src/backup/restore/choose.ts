import { toFailure } from '../../failure.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Catalog, type CataloguedBackup, readCatalog } from '../catalog.ts';
import type { AccountKey } from '../keys/account-key.ts';
import type { ObjectStore } from '../objects/port.ts';
import { problemText, type RegionProblem } from '../regions.ts';
import { type PassedOver, type PresentVersions, restoreCandidates } from './candidates.ts';
import { fetchSnapshot } from './fetch.ts';

export interface FetchBestOptions {
  readonly cluster: string;
  readonly stores: readonly ObjectStore[];
  readonly key: AccountKey;
  readonly clock: Clock;
  /** Where the snapshot goes. */
  readonly file: string;
  readonly present?: PresentVersions | undefined;
  readonly until?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The best backup that could be had, or what a person must decide. */
export type FetchedBest =
  | {
      readonly kind: 'fetched';
      readonly backup: CataloguedBackup;
      readonly region: string;
      /** Better ones that could not be used, each with the reason. Empty: it is the best there is. */
      readonly passedOver: readonly PassedOver[];
      readonly problems: readonly RegionProblem[];
    }
  | {
      readonly kind: 'none';
      readonly passedOver: readonly PassedOver[];
      readonly problems: readonly RegionProblem[];
      /** For people. */
      readonly decision: string;
    };

/**
 * Brings the best backup's snapshot into a file, from any region; one that turns out to be damaged, cut off, empty or gone gives way to its copy in the next
 * region, and then to the next best. Rejects only with the signal's reason, and with the account key's failures: no other backup would open either.
 */
export async function fetchBest(options: FetchBestOptions): Promise<FetchedBest> {
  const catalog = await readCatalog(options);
  const { candidates, passedOver: left } = restoreCandidates(catalog, options);
  const passedOver: PassedOver[] = [...left];
  for (const backup of candidates)
    for (const region of backup.regions) {
      const store = options.stores.find((each) => each.region === region);
      if (!store) continue;
      try {
        await fetchSnapshot({ backup, store, key: options.key, signal: options.signal }, options.file);
        return { kind: 'fetched', backup, region, passedOver, problems: catalog.problems };
      } catch (caught) {
        options.signal?.throwIfAborted();
        passedOver.push({ id: backup.manifest.id, region, why: toFailure(caught).message });
      }
    }
  return {
    kind: 'none',
    passedOver,
    problems: catalog.problems,
    decision: decision(options, catalog, passedOver),
  };
}

function decision(
  { cluster }: FetchBestOptions,
  { regions, problems }: Catalog,
  passedOver: readonly PassedOver[],
): string {
  const dead = regions.filter(({ reached }) => !reached).map(({ region }) => region);
  const seen = [
    ...passedOver.map(
      ({ id, region, why }) => `backup ${id}${region === undefined ? '' : ` in ${region}`}: ${why}`,
    ),
    ...problems.map(problemText),
  ];
  const choices = [
    ...(dead.length > 0 ? [`wait for ${dead.join(', ')}, which did not answer and may have one`] : []),
    'name the bucket of another account or region that holds one',
    'bring back the key, if the backups were made with another one',
    'or give the state up, and create the cluster anew',
  ];
  return `no backup of ${cluster} can be restored. Decide: ${choices.join('; ')}. Seen: ${seen.join('; ') || 'no backup at all'}`;
}
