import { Failure } from '../failure.ts';

/** One page of a list; `next` asks for the page after it, and is empty on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Pages of 100 read at most: 10,000 entries, twice what one Kubernetes cluster can have as nodes. More is a fault of the paging. */
const PAGE_LIMIT = 100;

/**
 * Reads a list to its end. A page that fails fails the whole, and so does a list without an end: a short list looks like lost
 * instances (safety 3).
 */
export async function allPages<T>(
  action: string,
  page: (token: string | null) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = [];
  let token: string | null = null;
  for (let count = 0; count < PAGE_LIMIT; count++) {
    const { items: more, next }: Page<T> = await page(token);
    items.push(...more);
    if (next === null || next === '') return items;
    token = next;
  }
  throw new Failure({
    kind: 'retryable',
    code: 'EndlessList',
    message: `${action}: the list has no end after ${PAGE_LIMIT} pages, so nothing of it is used`,
  });
}
