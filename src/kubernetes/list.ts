import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { Connection } from './connection.ts';
import { type Asked, isExpired } from './failures.ts';
import { type RetryContext, retrying } from './retry.ts';

/** Where a list comes from, and how its items are read. */
export interface Listing<T> {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly item: z.ZodType<T>;
}

export interface CompleteList<T> {
  readonly items: readonly T[];
  /** Revision at which all of it was true: where a watch goes on. */
  readonly resourceVersion: string;
}

/** A list that would have more is no list of nodes or pods: 500 pages of 500. */
const MOST_PAGES = 500;
/** A token to go on with expires after some minutes; a list that is too slow for that three times is not ours to have. */
const MOST_FRESH_STARTS = 3;

/**
 * Reads a list to its end, page by page, as it is in etcd now and not in a cache (safety 23). Resolves with all of it or rejects:
 * a partial list is never given out (safety 3).
 */
export async function listAll<T>(
  connection: Connection,
  listing: Listing<T>,
  context: RetryContext,
  signal?: AbortSignal,
): Promise<CompleteList<T>> {
  for (let starts = 1; ; starts += 1) {
    try {
      return await readPages(connection, listing, context, signal);
    } catch (caught) {
      if (!isExpired(caught) || starts >= MOST_FRESH_STARTS) throw caught;
    }
  }
}

async function readPages<T>(
  connection: Connection,
  { path, query = {}, item }: Listing<T>,
  context: RetryContext,
  signal: AbortSignal | undefined,
): Promise<CompleteList<T>> {
  const schema = z.object({
    metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().optional() }),
    items: z.array(item).nullish(),
  });
  const items: T[] = [];
  let next: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const from: Record<string, string> = next === undefined ? {} : { continue: next };
    const url = connection.url(path, { ...query, limit: context.limits.pageSize, ...from });
    const asked = { method: 'GET', url };
    const call = { ...asked, timeoutMs: context.limits.callMs, signal };
    const answer = await retrying(context, () => connection.request(call), signal);
    const page = parseJsonAs(schema, answer.body, asked);
    for (const one of page.items ?? []) items.push(one);
    if (!page.metadata.continue) return { items, resourceVersion: page.metadata.resourceVersion };
    next = page.metadata.continue;
  }
  throw new Failure({
    kind: 'rejected',
    code: 'ListTooLong',
    message: `${path} has over ${MOST_PAGES} pages`,
  });
}

/** Reads JSON of the API. What does not fit is a `retryable` failure, `BadAnswer`: half an answer, or not the API that answered. */
export function parseJsonAs<T>(schema: z.ZodType<T>, text: string, asked: Asked): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw badAnswer(asked, 'it is not JSON');
  }
  return parseAs(schema, json, asked);
}

/** The same for JSON that is parsed already. */
export function parseAs<T>(schema: z.ZodType<T>, json: unknown, asked: Asked): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badAnswer(asked, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`);
}

function badAnswer(asked: Asked, why: string): Failure {
  const message = `${asked.method} ${asked.url}: the answer can't be read (${why})`;
  return new Failure({ kind: 'retryable', code: 'BadAnswer', message });
}
