/** What holds for the whole cluster and is not as usual, in sentences, with their countdowns. */
import { byId, glyph, h, keyed, say } from './dom.js';
import { ask } from './live.js';
import { clusterNow, model } from './model.js';
import { countdown } from './words.js';

/**
 * @typedef {{ readonly key: string, readonly kind: string, readonly text: string, readonly until: number | null, readonly ends: boolean
 * }} Notice
 */

/** An error is shown for this long, in ms. */
const errorMs = 12_000;

const notices = byId('notices');
/** @type {string | null} */
let error = null;
let errorTimer = 0;
/** @type {(what: Promise<unknown>) => void} */
let attempt = () => {};

/** @param {(what: Promise<unknown>) => void} attempts */
export function startNotices(attempts) {
  attempt = attempts;
}

/** @param {string} message */
export function showError(message) {
  error = `That did not work: ${message}.`;
  clearTimeout(errorTimer);
  errorTimer = window.setTimeout(() => {
    error = null;
    showNotices();
  }, errorMs);
  showNotices();
}

export function showNotices() {
  keyed(notices, wanted(), ({ key, text }) => `${key} ${text}`, make);
  tickNotices();
}

export function tickNotices() {
  const now = clusterNow();
  for (const until of notices.querySelectorAll('[data-until]'))
    if (until instanceof HTMLElement) say(until, countdown(Number(until.dataset.until) - now));
}

/** @returns {readonly Notice[]} */
function wanted() {
  const { head, connection } = model;
  /** @type {Notice[]} */
  const all = [];
  const add = (
    /** @type {string} */ key,
    /** @type {string} */ kind,
    /** @type {string} */ text,
    /** @type {number | null} */ until = null,
    ends = false,
  ) => all.push({ key, kind, text, until, ends });
  if (error !== null) add('error', 'failed', error);
  if (connection === 'refused') {
    add(
      'refused',
      'failed',
      'This page needs its whole link, with the token of this run: it is printed at the start, and by `wdrip page`.',
    );
    return all;
  }
  if (connection === 'lost')
    add('lost', 'blind', 'The connection to wdrip is lost: what is shown is how it was. Trying again.');
  if (head === null) return all;
  if (head.supervisor === 'down')
    add(
      'down',
      'failed',
      'The supervisor was killed; it is coming back. What it knew is in its store: every deadline stays where it was.',
    );
  if (head.sight?.state === 'blind')
    add(
      'blind',
      'blind',
      `Out of sight: ${head.sight.why}. No repair begins or escalates until it is seen again.`,
    );
  if (head.pauses?.cluster) add('paused', 'held', 'Repairs of the whole cluster are paused.');
  for (const pool of head.pauses?.pools ?? [])
    add(`paused ${pool}`, 'held', `Repairs of pool ${pool} are paused.`);
  if (head.stalled !== null)
    add('stalled', 'failed', `The store takes no writes, so nothing new is begun: ${head.stalled}.`);
  for (const { scope, state, notReady, total, until } of head.storms) {
    const what = `Storm in ${scope.replace('/', ' ')}: ${notReady} of ${total} nodes NotReady at once.`;
    add(
      `storm ${scope}`,
      'held',
      state === 'holding'
        ? `${what} One incident: repairs are held while it may pass.`
        : `${what} It did not pass: repaired one by one, where a second signal confirms it.`,
      until,
    );
  }
  for (const { id, did, until } of head.lab?.underWay ?? [])
    add(`lab ${id}`, 'lab', `You ${did}. It passes in`, until, true);
  return all;
}

/** @param {Notice} notice */
function make({ kind, text, until, ends }) {
  return h(
    'p',
    { class: 'notice', 'data-kind': kind },
    glyph(kind === 'lab' ? 'waiting' : kind),
    h('span', {}, text),
    until !== null && h('span', { class: 'number', 'data-until': String(until), 'aria-hidden': 'true' }),
    ends &&
      h(
        'button',
        { type: 'button', class: 'quiet', onclick: () => attempt(ask('/api/lab/calm', {})) },
        'End it now',
      ),
  );
}
