import { type FailureData, toFailure } from '../failure.ts';
import type { ObjectStore } from './objects/port.ts';

/** What could not be done in a region, or was found wrong there. Never a reason to stop: others may do. */
export interface RegionProblem {
  readonly region: string;
  /** The object or step that it is about. */
  readonly about: string;
  readonly failure: FailureData;
}

export function regionProblem(region: string, about: string, caught: unknown): RegionProblem {
  return { region, about, failure: toFailure(caught) };
}

/** One line for people. */
export function problemText({ region, about, failure }: RegionProblem): string {
  return `${region}: ${about}: ${failure.message} (${failure.code})`;
}

/**
 * Writes a small object that nobody ever overwrites. Where the bucket has versions the service can't refuse to: names hold chance, and an
 * older version stays.
 */
export async function writeOnce(
  store: ObjectStore,
  key: string,
  content: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await store.put(key, content, { onlyIfAbsent: true, signal });
  } catch (caught) {
    const { code } = toFailure(caught);
    if (code === 'CannotForbidOverwrite') await store.put(key, content, { signal });
    // An answer that was lost is made up for by the adapter's second try, which then finds what the first one wrote.
    else if (code !== 'FileAlreadyExists' || !(await holds(store, key, content, signal))) throw caught;
  }
}

async function holds(
  store: ObjectStore,
  key: string,
  content: Uint8Array,
  signal?: AbortSignal,
): Promise<boolean> {
  return (await store.get(key, content.length, { signal }).catch(() => undefined))?.equals(content) === true;
}
