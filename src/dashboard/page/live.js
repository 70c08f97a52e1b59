/** The way to the supervisor: the token, questions and requests, and the feed of what changes. */

const tokenKey = 'wdrip-token';

/** Without a word for this long, in ms, the connection counts as lost: the feed tells the time every three seconds. */
const silentMs = 10_000;
/** Waits between two tries to connect, in ms. */
const firstWaitMs = 500;
const longestWaitMs = 5_000;
/** One event of the feed is at most this long, in characters: 10,000 nodes take 10 million. */
const longestEvent = 64_000_000;

/**
 * The link brings the token in its fragment, which no server ever sees. It is kept for this tab alone, and taken out of the address bar, so
 * that it is in no history, bookmark or screenshot.
 */
export function rememberToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return;
  sessionStorage.setItem(tokenKey, given);
  history.replaceState(null, '', location.pathname);
}

function headers() {
  return { authorization: `Bearer ${sessionStorage.getItem(tokenKey) ?? ''}` };
}

/**
 * A question, or with a body a request. Throws an Error that says what went wrong.
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function ask(path, body) {
  const response = await fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Error('the supervisor does not answer');
  });
  const answer = await response.json();
  if (!response.ok)
    throw new Error(answer.message ?? `the supervisor answered with status ${response.status}`);
  return answer;
}

/**
 * Listens to the feed for ever, and connects again whenever it ends.
 * @param {(message: any, isFirst: boolean) => void} onMessage
 * @param {(connection: import('./model.js').Connection) => void} onConnection
 */
export async function listen(onMessage, onConnection) {
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(longestWaitMs, waitMs * 2)) {
    try {
      let isFirst = true;
      await readFeed((message) => {
        onMessage(message, isFirst);
        if (isFirst) onConnection('live');
        isFirst = false;
        waitMs = firstWaitMs;
      });
    } catch (caught) {
      if (caught instanceof WrongToken) return onConnection('refused');
    }
    onConnection('lost');
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

class WrongToken extends Error {}

/** @param {(message: any) => void} onMessage */
async function readFeed(onMessage) {
  const ending = new AbortController();
  let silence = setTimeout(() => ending.abort(), silentMs);
  try {
    const response = await fetch('/api/live', { headers: headers(), signal: ending.signal });
    if (response.status === 401) throw new WrongToken();
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => ending.abort(), silentMs);
      text += value;
      if (text.length > longestEvent) throw new Error('an event of the feed has no end');
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const data = text.slice('data: '.length, end);
        text = text.slice(end + 2);
        onMessage(JSON.parse(data));
      }
    }
  } finally {
    clearTimeout(silence);
    ending.abort();
  }
}
