/** The fleet at a glance: zone by zone, pool by pool, a tile for each node. Quiet while all is well. */
import { byId, glyph, h, keyed, say, set, setGlyph } from './dom.js';
import { clusterNow, model, sortedNodes } from './model.js';
import { countdown, counted, stateOf } from './words.js';

/** With more nodes than this the healthy ones are small: what matters must still be seen without scrolling. */
const roomFor = 120;

const fleet = byId('fleet');
/** @type {(slot: string) => void} */
let onPick = () => {};

/** @typedef {import('./model.js').NodeItem} NodeItem */

/** @param {(slot: string) => void} pick called with the slot that a person picked */
export function startFleet(pick) {
  onPick = pick;
  fleet.addEventListener('keydown', onKey);
}

export function showFleet() {
  const nodes = sortedNodes();
  fleet.classList.toggle('dense', nodes.length > roomFor);
  const zones = [...new Set(nodes.map(({ zone }) => zone))].sort();
  if (nodes.length === 0) {
    keyed(
      fleet,
      [model.connection === 'live' ? 'No node is known yet.' : ''],
      (text) => `empty ${text}`,
      (text) => h('p', { class: 'empty' }, text),
    );
    return;
  }
  keyed(
    fleet,
    zones,
    (zone) => `zone ${zone}`,
    (zone) =>
      h(
        'div',
        { class: 'zone' },
        h('h3', { class: 'zone-name' }, zone, h('span')),
        h('div', { class: 'pools' }),
      ),
  );
  // The tile that takes part in the order of Tab: the picked one, or else the first.
  const reachable = nodes.some(({ slot }) => slot === model.picked) ? model.picked : nodes[0]?.slot;
  for (const [index, zone] of zones.entries()) {
    const inZone = nodes.filter((node) => node.zone === zone);
    const panel = fleet.children[index];
    const bad = inZone.filter((node) => stateOf(node).kind !== 'healthy').length;
    const count = panel?.querySelector('.zone-name span');
    if (count)
      say(
        count,
        bad === 0
          ? counted(inZone.length, 'node')
          : `${bad} of ${counted(inZone.length, 'node')} not healthy`,
      );
    const pools = [...new Set(inZone.map(({ pool }) => pool))];
    const holder = panel?.querySelector('.pools');
    if (!holder) continue;
    keyed(
      holder,
      pools,
      (pool) => `pool ${pool}`,
      (pool) =>
        h('div', { class: 'pool' }, h('h4', { class: 'pool-name' }, pool), h('div', { class: 'tiles' })),
    );
    for (const [at, pool] of pools.entries()) {
      const tiles = holder.children[at]?.querySelector('.tiles');
      if (!tiles) continue;
      const inPool = inZone.filter((node) => node.pool === pool);
      keyed(tiles, inPool, ({ slot }) => slot, makeTile);
      for (const [position, node] of inPool.entries()) {
        const tile = tiles.children[position];
        if (tile) showTile(tile, node, node.slot === reachable);
      }
    }
  }
  tickFleet();
}

/** Brings the countdowns up to date. */
export function tickFleet() {
  const now = clusterNow();
  for (const due of fleet.querySelectorAll('.tile-due')) {
    if (!(due instanceof HTMLElement)) continue;
    const at = Number(due.dataset.at);
    say(due, due.dataset.at === '' ? '' : countdown(at - now));
  }
}

/** @param {NodeItem} node */
function makeTile({ slot }) {
  return h(
    'button',
    { class: 'tile', type: 'button', role: 'radio', onclick: () => onPick(slot) },
    glyph('unknown'),
    h('span', { class: 'tile-name' }, slot),
    h('span', { class: 'tile-state' }),
    h('span', { class: 'tile-due', 'aria-hidden': 'true' }),
  );
}

/**
 * @param {Element} tile
 * @param {NodeItem} node
 * @param {boolean} isReachable
 */
function showTile(tile, node, isReachable) {
  const { kind, word } = stateOf(node);
  const isPaused = model.head?.pauses?.slots.includes(node.slot) === true;
  set(tile, 'data-kind', kind);
  set(tile, 'aria-checked', String(node.slot === model.picked));
  set(tile, 'tabindex', isReachable ? '0' : '-1');
  const [picture, , state, due] = tile.children;
  if (picture) setGlyph(picture, kind);
  if (state) say(state, isPaused && kind === 'healthy' ? 'healthy, paused' : word);
  if (due) set(due, 'data-at', node.next === null ? '' : String(node.next.at));
}

/** Arrows go to the neighbour, as in any group of choices; Home and End to the ends. @param {KeyboardEvent} event */
function onKey(event) {
  /** @type {(Element | null)[]} */
  const tiles = [...fleet.querySelectorAll('.tile')];
  const from = tiles.indexOf(document.activeElement);
  /** @type {Readonly<Record<string, number>>} */
  const moves = {
    ArrowRight: from + 1,
    ArrowDown: from + 1,
    ArrowLeft: from - 1,
    ArrowUp: from - 1,
    Home: 0,
    End: tiles.length - 1,
  };
  const to = moves[event.key];
  if (to === undefined || from < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const next = tiles[(to + tiles.length) % tiles.length];
  if (!(next instanceof HTMLElement)) return;
  next.focus();
  onPick(next.dataset.key ?? '');
}
