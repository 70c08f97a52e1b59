import type { Json } from '../runtime/record.ts';
import type { FeedView } from './feed.ts';

/** A question and its answer. */
export interface AnswerRoute {
  readonly kind?: 'answer';
  readonly method: 'GET' | 'POST';
  /** `/api/nodes/:name`: `:name` stands for one segment. */
  readonly path: string;
  handle(request: {
    readonly params: Readonly<Record<string, string>>;
    readonly body: Json;
  }): Promise<Json> | Json;
}

/** A question whose answer goes on: server-sent events, each with what has changed since the one before. */
export interface FeedRoute {
  readonly kind: 'feed';
  readonly method: 'GET';
  readonly path: string;
  /** How things are now. Called several times a second while anybody watches, and not otherwise. */
  look(): FeedView;
}

export type Route = AnswerRoute | FeedRoute;

/** The parameters of a path that a pattern fits; null if it does not, or if a segment is not well encoded. */
export function match(pattern: string, path: string): Readonly<Record<string, string>> | null {
  const want = pattern.split('/');
  const have = path.split('/');
  if (want.length !== have.length) return null;
  const params: Record<string, string> = {};
  for (const [index, segment] of want.entries()) {
    const given = have[index] ?? '';
    if (!segment.startsWith(':')) {
      if (segment !== given) return null;
      continue;
    }
    try {
      params[segment.slice(1)] = decodeURIComponent(given);
    } catch {
      return null;
    }
  }
  return params;
}
