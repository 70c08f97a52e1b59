/** What happened, line by line, the newest first. */
import { h, keyed } from './dom.js';
import { timeOfDay } from './words.js';

/** @typedef {import('../../supervisor/chronicle.ts').ChronicleLine} Line */

/**
 * @param {HTMLElement} list
 * @param {readonly Line[]} lines newest last
 * @param {(slot: string) => void} [pick] with it each line names its node, which can be picked
 */
export function showStory(list, lines, pick) {
  keyed(
    list,
    lines.length === 0 ? [null] : lines.toReversed(),
    (line) => (line === null ? 'none' : String(line.number)),
    (line) => (line === null ? h('li', { class: 'empty' }, 'Nothing yet.') : makeLine(line, pick)),
  );
}

/**
 * @param {Line} line
 * @param {(slot: string) => void} [pick]
 */
function makeLine({ at, slot, text, tone }, pick) {
  const name =
    pick === undefined
      ? null
      : slot === null
        ? h('span', { class: 'line-of' }, 'cluster')
        : h('button', { type: 'button', class: 'line-of', onclick: () => pick(slot) }, slot);
  return h(
    'li',
    { class: 'line', 'data-tone': tone },
    h('time', { datetime: new Date(at).toISOString() }, timeOfDay(at)),
    name,
    h('span', { class: 'line-text' }, text),
  );
}
