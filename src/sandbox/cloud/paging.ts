import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ApiError } from './api-error.ts';
import { integer, optional, type Params } from './params.ts';
import { unverified } from './unverified.ts';

/** Bounds of a page in token mode (2026 SDK comments: less is taken as 10, more as 100). */
const SMALLEST_PAGE = 10;
const LARGEST_PAGE = 100;

/** What an answer carries besides its items. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly fields: {
    readonly TotalCount: number;
    readonly PageNumber: number;
    readonly PageSize: number;
    readonly NextToken: string;
  };
}

const tokenSchema = z.object({ after: z.number(), of: z.string() });

/**
 * One page of a list, by `NextToken` and `MaxResults` or by `PageNumber` and `PageSize`. The token names the last item's sequence, so
 * that what comes or goes meanwhile neither repeats nor skips the others; it holds only for the same question.
 * @throws ApiError if the token is not one of ours or belongs to another question
 */
export function page<T>(
  params: Params,
  all: readonly T[],
  sequenceOf: (item: T) => number,
  question: string,
): Page<T> {
  const token = optional(params, 'NextToken');
  const most = integer(params, 'MaxResults');
  if (token === null && most === null) return numbered(params, all);
  const size = Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, most ?? SMALLEST_PAGE));
  const of = createHash('sha256').update(question).digest('hex').slice(0, 16);
  const after = token === null ? -1 : readToken(token, of);
  const rest = all.filter((item) => sequenceOf(item) > after);
  const items = rest.slice(0, size);
  const last = items.at(-1);
  const more = last !== undefined && rest.length > items.length;
  const next = more ? Buffer.from(JSON.stringify({ after: sequenceOf(last), of })).toString('base64url') : '';
  return { items, fields: { TotalCount: all.length, PageNumber: 1, PageSize: size, NextToken: next } };
}

function numbered<T>(params: Params, all: readonly T[]): Page<T> {
  const size = Math.min(LARGEST_PAGE, Math.max(1, integer(params, 'PageSize') ?? SMALLEST_PAGE));
  const number = Math.max(1, integer(params, 'PageNumber') ?? 1);
  const items = all.slice((number - 1) * size, number * size);
  return { items, fields: { TotalCount: all.length, PageNumber: number, PageSize: size, NextToken: '' } };
}

function readToken(token: string, of: string): number {
  try {
    const read = tokenSchema.parse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
    if (read.of === of) return read.after;
  } catch {
    // Falls through to the one refusal.
  }
  throw new ApiError(unverified.wrongNextToken);
}

/** The parameters that make a question, without those that only page through its answer. */
export function questionOf(params: Params): string {
  const paging = new Set(['NextToken', 'MaxResults', 'PageNumber', 'PageSize']);
  return JSON.stringify(
    [...params].filter(([name]) => !paging.has(name)).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
