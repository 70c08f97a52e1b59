/** The picked node: why it is as it is, what comes next and when, its ladder, and its story. */
import { byId, glyph, h, keyed, say, set, setGlyph } from './dom.js';
import { ask } from './live.js';
import { clusterNow, model, pickedNode } from './model.js';
import { showStory } from './story.js';
import { countdown, lasting, ruleWords, rungParts, stateOf, stepNames, stepWaits } from './words.js';

/** @typedef {import('./model.js').NodeItem} NodeItem */

const panel = byId('node');
/** @type {(what: Promise<unknown>) => void} */
let attempt = () => {};

const title = h('span');
const chip = h('span', { class: 'chip' });
const chipWord = h('span');
const why = h('p', { class: 'why' });
const dueCount = h('span', { class: 'due-count' });
const dueWhat = h('span', { class: 'due-what' });
const dueBar = h('div', { class: 'due-part' });
const due = h(
  'div',
  { class: 'due' },
  dueCount,
  dueWhat,
  h('div', { class: 'due-bar', 'aria-hidden': 'true' }, dueBar),
);
const rule = h('p', { class: 'rule' });
const ladder = h('ol', { class: 'ladder', 'aria-label': 'The repair ladder' });
const facts = h('dl', { class: 'facts' });
const pause = h('button', { type: 'button', class: 'quiet' });
const story = h('ol', { class: 'story', tabindex: '0', 'aria-label': 'The story of this node' });
const shape = glyph('unknown');
chip.append(shape, chipWord);

const shown = h(
  'div',
  { class: 'picked' },
  h('div', { class: 'node-head' }, h('h2', { id: 'node-title', class: 'node-title' }, title), chip, pause),
  why,
  due,
  rule,
  ladder,
  facts,
  h('h3', { class: 'title' }, 'Its story'),
  story,
);
/** Which story is on the page, so that it is asked for only when there is more. */
let storyOf = '';

/**
 * @param {(what: Promise<unknown>) => void} attempts shows what goes wrong
 */
export function startNode(attempts) {
  attempt = attempts;
  pause.addEventListener('click', () => {
    const node = pickedNode();
    if (node === undefined) return;
    const isPaused = model.head?.pauses?.slots.includes(node.slot) === true;
    attempt(ask(isPaused ? '/api/resume' : '/api/pause', { kind: 'node', id: node.slot }));
  });
}

/** @param {HTMLElement} welcome what stands there while no node is picked */
export function showNode(welcome) {
  const node = pickedNode();
  const wanted = node === undefined ? welcome : shown;
  if (panel.firstElementChild !== wanted) panel.replaceChildren(wanted);
  if (node === undefined) return;
  const { kind, word } = stateOf(node);
  say(title, node.slot);
  set(chip, 'data-kind', kind);
  setGlyph(shape, kind);
  say(chipWord, word);
  say(why, `${node.why.slice(0, 1).toUpperCase()}${node.why.slice(1)}.`);
  showRule(node);
  showLadder(node);
  showFacts(node);
  const isPaused = model.head?.pauses?.slots.includes(node.slot) === true;
  say(pause, isPaused ? 'Resume repairs of this node' : 'Pause repairs of this node');
  set(pause, 'disabled', model.head?.supervisor === 'down');
  tickNode();
  const version = `${node.slot} ${node.told}`;
  if (version !== storyOf && model.connection === 'live') {
    if (!storyOf.startsWith(`${node.slot} `)) story.replaceChildren();
    storyOf = version;
    void ask(`/api/nodes/${encodeURIComponent(node.slot)}/story`).then(
      (lines) => {
        if (storyOf === version) showStory(story, lines);
      },
      () => {
        storyOf = '';
      },
    );
  }
}

/** Brings the countdown up to date. */
export function tickNode() {
  const node = pickedNode();
  if (node === undefined) return;
  const now = clusterNow();
  const { next } = node;
  set(due, 'hidden', next === null);
  if (next !== null) {
    const left = next.at - now;
    say(dueCount, left <= 0 ? 'due' : countdown(left));
    say(dueWhat, next.what);
    const share = Math.min(1, Math.max(0, left / Math.max(1, next.at - node.since)));
    dueBar.style.transform = `scaleX(${share.toFixed(3)})`;
  }
  for (const since of panel.querySelectorAll('[data-since]'))
    if (since instanceof HTMLElement) say(since, countdown(now - Number(since.dataset.since)));
}

/** @param {NodeItem} node */
function showRule({ waiting }) {
  set(rule, 'hidden', waiting === null);
  if (waiting === null) return;
  const key = `${waiting.rule} ${waiting.since} ${waiting.why}`;
  if (rule.dataset.shown === key) return;
  rule.dataset.shown = key;
  rule.replaceChildren(
    h('strong', {}, `Held by the rule "${ruleWords[waiting.rule] ?? waiting.rule}"`),
    ' for ',
    h('span', { class: 'number', 'data-since': String(waiting.since) }),
    '. It goes on as soon as the rule no longer holds.',
  );
}

/** @param {NodeItem} node */
function showLadder(node) {
  keyed(ladder, node.ladder, ({ step }) => step, makeStep);
  for (const [index, { step, mark, waitMs }] of node.ladder.entries()) {
    const item = ladder.children[index];
    if (!item) continue;
    set(item, 'data-mark', mark);
    set(item, 'aria-current', mark === 'now' ? 'step' : null);
    const words = item.querySelector('.step-mark');
    if (words) say(words, markWords(node, step, mark));
    const wait = item.querySelector('.step-wait');
    if (wait) say(wait, `${stepWaits[step] ?? ''} ${lasting(waitMs)}`);
    const parts = item.querySelector('.step-parts');
    if (parts instanceof HTMLElement) showParts(parts, node, mark === 'now');
  }
}

/** @param {{ readonly step: string }} of */
function makeStep({ step }) {
  return h(
    'li',
    { class: 'step' },
    h('span', { class: 'step-dot', 'aria-hidden': 'true' }),
    h('span', { class: 'step-name' }, stepNames[step] ?? step),
    h('span', { class: 'step-mark' }),
    h('span', { class: 'step-wait' }),
    h('span', { class: 'step-parts' }),
  );
}

/**
 * @param {NodeItem} node
 * @param {string} step
 * @param {string} mark
 */
function markWords(node, step, mark) {
  if (mark === 'now') return 'now';
  if (mark === 'next') return 'next, if it is still NotReady';
  if (mark !== 'past') return '';
  if (step === 'suspect') return 'done';
  return step === 'rebooting' && node.reboots > 1 ? `tried ${node.reboots} times` : 'behind it';
}

/**
 * @param {HTMLElement} parts
 * @param {NodeItem} node
 * @param {boolean} isNow
 */
function showParts(parts, node, isNow) {
  const [top, rung, step] = node.state.split('.');
  const isRung = isNow && top === 'repairing';
  parts.hidden = !isRung;
  const wanted = isRung
    ? rungParts.filter(([name]) => rung !== 'restartingKubelet' || !/drain|confirm/.test(name))
    : [];
  keyed(
    parts,
    wanted,
    ([name]) => name,
    ([, word]) => h('span', { class: 'part' }, word),
  );
  for (const part of parts.children)
    if (part instanceof HTMLElement) set(part, 'aria-current', part.dataset.key === step ? 'step' : null);
}

/** @param {NodeItem} node */
function showFacts(node) {
  /** @type {[string, string][]} */
  const wanted = [
    ['Instance', node.instance === null ? 'none' : `${node.instance}, ${node.instanceState}`],
    ['Node', node.node ?? 'none'],
    ['Zone', node.zone],
    ['Permit', node.permit ? 'holds one: it may be taken away from users' : 'none'],
  ];
  if (node.failedClimbs > 0) wanted.push(['Failed climbs', String(node.failedClimbs)]);
  if (node.lastFailure !== null)
    wanted.push(['Last failure', `${node.lastFailure.code}: ${node.lastFailure.message}`]);
  keyed(
    facts,
    wanted,
    ([name, value]) => `${name} ${value}`,
    ([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)),
  );
}
