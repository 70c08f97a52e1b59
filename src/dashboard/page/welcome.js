/** What stands where the picked node will be: what one is looking at, and what to try. */
import { h } from './dom.js';

/**
 * @param {object} does
 * @param {(slot: string, breakage: string) => void} does.onBreak picks the node and breaks it
 * @param {(breakage: string) => void} does.onBreakAround
 */
export function makeWelcome({ onBreak, onBreakAround }) {
  const attempts = h(
    'ol',
    { class: 'tries' },
    attemptAt(
      'Stop the kubelet of workers-0',
      'It is suspected for 20 s, then its kubelet is restarted: the cheapest thing that can help.',
      () => onBreak('workers-0', 'kubeletDies'),
    ),
    attemptAt(
      'Delete the instance of workers-1',
      'No rung below can help an instance that is gone: it is replaced at once.',
      () => onBreak('workers-1', 'instanceDeleted'),
    ),
    attemptAt(
      'Cut off half of the workers',
      'Many nodes at once are one incident. wdrip holds still, and tears nothing down.',
      () => onBreakAround('storm'),
    ),
    attemptAt(
      'Delete all masters',
      'Proof first: then etcd comes back from its backup, with what was written after it.',
      () => onBreakAround('mastersAllLost'),
    ),
  );
  const lab = h(
    'div',
    { class: 'welcome-lab' },
    h(
      'p',
      {},
      'The cluster is simulated, in this process. The supervisor, its rules and its numbers are the real ones. Four things to try:',
    ),
    attempts,
    h(
      'p',
      { class: 'muted' },
      'A dead kubelet is noticed after 50 s, as on a real cluster. Impatient? Choose 10× or 60× at the top.',
    ),
  );
  const element = h(
    'div',
    { class: 'welcome' },
    h(
      'h2',
      { id: 'node-title', class: 'node-title' },
      'wdrip keeps the machines under a cluster as they should be',
    ),
    h(
      'p',
      {},
      'Each tile is a node. When one breaks, wdrip climbs a ladder from the cheapest repair to the dearest, no further than needed, and asks before each step. Pick a node to see its ladder, why it is as it is, and its story.',
    ),
    lab,
  );
  return {
    element,
    /** @param {boolean} hasLab */
    show(hasLab) {
      lab.hidden = !hasLab;
    },
  };
}

/**
 * @param {string} label
 * @param {string} hint
 * @param {() => void} act
 */
function attemptAt(label, hint, act) {
  return h(
    'li',
    {},
    h('button', { type: 'button', onclick: act }, label),
    h('span', { class: 'muted' }, hint),
  );
}
