import { toFailure } from '../../failure.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Catalog, type CataloguedBackup, isVerified, readCatalog } from '../catalog.ts';
import type { AccountKey } from '../keys/account-key.ts';
import type { ObjectStore } from '../objects/port.ts';
import { problemText, type RegionProblem } from '../regions.ts';
import { type PassedOver, restoreCandidates } from './candidates.ts';
import { fetchMind, readThrough } from './fetch.ts';

export interface ChooseOptions {
  readonly cluster: string;
  readonly stores: readonly ObjectStore[];
  readonly key: AccountKey;
  readonly clock: Clock;
  /** Leave out those that no rehearsal has passed: nobody knows whether they can be restored. */
  readonly verifiedOnly?: boolean | undefined;
  /**
   * Of a verified one only look whether its snapshot is there, and as long as it was written: for a caller who chooses anew, without this,
   * when that turns out to be damaged. By default it is read through to its end.
   */
  readonly glance?: boolean | undefined;
  /** Only backups that were begun by then, epoch ms. */
  readonly until?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The best backup that could be had, or what a person must decide. */
export type Choice =
  | {
      readonly kind: 'chosen';
      readonly backup: CataloguedBackup;
      /** Whose copy is whole. */
      readonly region: string;
      readonly store: ObjectStore;
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
 * The best backup, read through to its end and found whole (but for `glance`): one that turns out to be damaged, cut off, empty or gone
 * gives way to its copy in the next region, and then to the next best. Rejects only with the signal's reason.
 */
export async function chooseBackup(options: ChooseOptions): Promise<Choice> {
  const { stores, key, glance = false, signal } = options;
  const catalog = await readCatalog(options);
  const { candidates, passedOver: left } = restoreCandidates(catalog, options);
  const passedOver: PassedOver[] = [...left];
  for (const backup of candidates)
    for (const region of backup.regions) {
      const store = stores.find((each) => each.region === region);
      if (!store) continue;
      try {
        await fetchMind({ backup, store, key, signal });
        // That its snapshot is there, and as long as it was written, the catalogue has seen.
        if (!glance || !isVerified(backup)) await readThrough({ backup, store, key, signal });
        return { kind: 'chosen', backup, region, store, passedOver, problems: catalog.problems };
      } catch (caught) {
        signal?.throwIfAborted();
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
  { cluster }: ChooseOptions,
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
