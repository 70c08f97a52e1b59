import type { Clock } from '../runtime/clock.ts';
import type { Json } from '../runtime/record.ts';

/** How things are at one moment. */
export interface FeedView {
  /** The time of whatever is shown, in epoch ms. It alone is no news. */
  readonly now: number;
  readonly head: Json;
  /** By key, as JSON: only those that have changed are sent. A text that stays the same should be the same string. */
  readonly items: ReadonlyMap<string, string>;
}

/** Of a response, what a feed needs. */
export interface FeedClient {
  /** False: it has not gone out yet, and `drain` will tell when it has. */
  write(text: string): boolean;
  on(event: 'drain' | 'close', listener: () => void): unknown;
}

/** How often it is looked whether there is news, in ms: what a person takes for at once. */
const lookEveryMs = 200;
/** Without news, the time is told this often, in ms: so that a page knows that it is still connected. */
const tellTimeEveryMs = 3_000;

/**
 * Sends the view to one client, as server-sent events: first everything, then what has changed since what this client was sent last. A
 * slow client has no queue: while its last event is on the way nothing more is written, and then it gets the newest state. Ends with the
 * response.
 */
export function feed(response: FeedClient, look: () => FeedView, clock: Clock): void {
  const sent = new Map<string, string>();
  let sentHead = '';
  let quietMs = 0;
  let isFull = false;
  let cancel = () => {};

  const tell = () => {
    const { now, head, items } = look();
    const headText = JSON.stringify(head);
    const changed: string[] = [];
    for (const [key, text] of items)
      if (sent.get(key) !== text) {
        sent.set(key, text);
        changed.push(text);
      }
    const gone = [...sent.keys()].filter((key) => !items.has(key));
    for (const key of gone) sent.delete(key);
    const isNews = changed.length > 0 || gone.length > 0 || headText !== sentHead;
    quietMs += lookEveryMs;
    if (!isNews && quietMs < tellTimeEveryMs) return;
    quietMs = 0;
    const headPart = headText === sentHead ? '' : `,"head":${headText}`;
    sentHead = headText;
    const data = `{"now":${now}${headPart},"items":[${changed.join(',')}],"gone":${JSON.stringify(gone)}}`;
    isFull = !response.write(`data: ${data}\n\n`);
  };
  const again = () => {
    if (!isFull) tell();
    cancel = clock.after(lookEveryMs, again);
  };
  response.on('drain', () => {
    isFull = false;
  });
  response.on('close', () => cancel());
  again();
}
