/** What happened, line by line, the newest first. */
import { h, keyed } from './dom.js';
import { timeOfDay } from './words.js';

/** @typedef {import('../../supervisor/chronicle.ts').ChronicleLine} Line */

/**
 * The story of one node.
 * @param {HTMLElement} list
 * @param {readonly Line[]} lines newest last
 */
export function showStory(list, lines) {
  show(
    list,
    lines.map((line) => ({ line, count: 1 })),
  );
}

/**
 * The story of the cluster: without what only one node's own story needs, and what befell many nodes at once in one line.
 * @param {HTMLElement} list
 * @param {readonly Line[]} lines newest last
 * @param {(slot: string) => void} pick picks the node that a line names
 */
export function showClusterStory(list, lines, pick) {
  /** @type {{ line: Line, count: number }[]} */
  const gathered = [];
  for (const line of lines) {
    if (line.tone === 'note') continue;
    const last = gathered.at(-1);
    const isSame = last?.line.text === line.text && line.at - last.line.at < 1_000 && line.slot !== null;
    if (isSame && last !== undefined) last.count += 1;
    else gathered.push({ line, count: 1 });
  }
  show(list, gathered, pick);
}

/**
 * @param {HTMLElement} list
 * @param {readonly { readonly line: Line, readonly count: number }[]} lines
 * @param {(slot: string) => void} [pick]
 */
function show(list, lines, pick) {
  keyed(
    list,
    lines.length === 0 ? [null] : lines.toReversed(),
    (entry) => (entry === null ? 'none' : `${entry.line.number} ${entry.count}`),
    (entry) =>
      entry === null ? h('li', { class: 'empty' }, 'Nothing yet.') : makeLine(entry.line, entry.count, pick),
  );
}

/**
 * @param {Line} line
 * @param {number} count so many nodes at once
 * @param {(slot: string) => void} [pick]
 */
function makeLine({ at, slot, text, tone }, count, pick) {
  const name =
    pick === undefined
      ? null
      : slot === null || count > 1
        ? h('span', { class: 'line-of' }, count > 1 ? `${count} nodes` : 'cluster')
        : h('button', { type: 'button', class: 'line-of', onclick: () => pick(slot) }, slot);
  return h(
    'li',
    { class: 'line', 'data-tone': tone },
    h('time', { datetime: new Date(at).toISOString() }, timeOfDay(at)),
    name,
    h('span', { class: 'line-text' }, text),
  );
}
