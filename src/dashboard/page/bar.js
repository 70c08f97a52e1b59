/** The top bar: how the cluster is in one sentence, what wdrip sees, and the switches that hold for all of it. */
import { byId, glyph, h, keyed, say, set } from './dom.js';
import { ask } from './live.js';
import { clusterNow, model, sortedNodes } from './model.js';
import { quorumState, stateOf, timeOfDay } from './words.js';

/** So many nodes in trouble are named; of more it is only said how many, so that the sentence stays one line. */
const namedAtMost = 2;

const summary = byId('summary');
const chips = byId('chips');
const controls = byId('controls');
const time = h('span', { class: 'number' });
const speeds = h('div', { class: 'speeds', role: 'group', 'aria-label': 'Speed of the cluster’s time' });
const pause = h('button', { type: 'button' });

/** @param {(what: Promise<unknown>) => void} attempt shows what goes wrong */
export function startBar(attempt) {
  controls.append(h('span', { class: 'clock' }, time), speeds, pause);
  pause.addEventListener('click', () => {
    const isPaused = model.head?.pauses?.cluster === true;
    attempt(ask(isPaused ? '/api/resume' : '/api/pause', { kind: 'cluster' }));
  });
  speeds.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (button !== null) attempt(ask('/api/lab/speed', { speed: Number(button.dataset.key) }));
  });
}

export function showBar() {
  const { head, connection } = model;
  const nodes = sortedNodes();
  const bad = nodes.filter((node) => stateOf(node).kind !== 'healthy');
  say(byId('cluster'), head?.cluster ?? '');
  const { kind, text } = sentence(nodes.length, bad);
  say(summary, text);
  set(summary, 'data-kind', kind);
  document.title = `${bad.length > 0 ? `(${bad.length}) ` : ''}${head === null ? '' : `${head.cluster} · `}wdrip`;

  const isLive = connection === 'live';
  /** @type {(readonly [string, string])[]} */
  const wanted = [];
  if (head !== null && isLive) {
    wanted.push(head.supervisor === 'up' ? ['healthy', 'supervisor at work'] : ['failed', 'supervisor dead']);
    if (head.sight !== null)
      wanted.push(
        head.sight.state === 'sighted' ? ['healthy', 'API in sight'] : ['blind', 'API out of sight'],
      );
    if (head.supervisor === 'up')
      wanted.push(head.storms.length === 0 ? ['healthy', 'no storm'] : ['held', 'storm']);
    if (head.controlPlane !== null) {
      const { kind: etcdKind, word } = quorumState(head.controlPlane);
      wanted.push([etcdKind, word]);
    }
    const permits = nodes.filter(({ permit }) => permit).length;
    const away = permits === 1 ? '1 node taken away' : `${permits} nodes taken away`;
    wanted.push(permits === 0 ? ['healthy', 'no node taken away'] : ['repairing', away]);
  }
  keyed(
    chips,
    wanted,
    ([shape, word]) => `${shape} ${word}`,
    ([shape, word]) => h('li', { class: 'chip', 'data-kind': shape }, glyph(shape), h('span', {}, word)),
  );

  const lab = head?.lab ?? null;
  set(speeds, 'hidden', lab === null);
  keyed(
    speeds,
    lab?.speeds ?? [],
    (speed) => String(speed),
    (speed) => h('button', { type: 'button', title: `${speed} times as fast as on the wall` }, `${speed}×`),
  );
  for (const button of speeds.children)
    if (button instanceof HTMLElement)
      set(button, 'aria-pressed', String(Number(button.dataset.key) === lab?.speed));
  const isPaused = head?.pauses?.cluster === true;
  say(pause, isPaused ? 'Resume repairs' : 'Pause repairs');
  set(pause, 'aria-pressed', String(isPaused));
  set(pause, 'disabled', !isLive || head?.supervisor !== 'up');
  tickBar();
}

export function tickBar() {
  const speed = model.head?.lab?.speed ?? 1;
  const now = model.head === null ? '' : timeOfDay(clusterNow());
  say(time, speed === 1 ? now : `${now}, ${speed} times as fast`);
}

/**
 * @param {number} count
 * @param {readonly import('./model.js').NodeItem[]} bad
 */
function sentence(count, bad) {
  if (model.connection !== 'live' && model.head === null) return { kind: 'unknown', text: 'Connecting' };
  const quorum = model.controlPlane;
  if (quorum !== null && /^lost\.(?!rejoining|verifying)/.test(quorum.state))
    return { kind: 'failed', text: 'etcd has no quorum, so the Kubernetes API is away' };
  if (count === 0) return { kind: 'unknown', text: 'No node is known yet' };
  if (bad.length === 0) return { kind: 'healthy', text: `All ${count} nodes are healthy` };
  const named = bad.map((node) => `${node.slot} (${stateOf(node).word})`).join(', ');
  return {
    kind: 'suspect',
    text: `${bad.length} of ${count} nodes ${bad.length === 1 ? 'is' : 'are'} not healthy${bad.length > namedAtMost ? '' : `: ${named}`}`,
  };
}
