/** The laboratory: buttons that break things. Only the embedded cluster has one. */
import { byId, h, say, set } from './dom.js';
import { ask } from './live.js';
import { model, pickedNode } from './model.js';

/**
 * @typedef {{ readonly id: string, readonly group: 'node' | 'instance' | 'controlPlane' | 'around', readonly label: string, readonly hint: string }}
 * Breakage
 */

/** Groups that need a picked node. */
const ofNodes = ['node', 'instance'];

const lab = byId('lab');
const target = h('h3', { class: 'lab-target' });
const said = h('p', { class: 'lab-said', role: 'status' });
/** @type {HTMLButtonElement[]} */
let ofNode = [];
let isLoading = false;
/** @type {(what: Promise<unknown>) => void} */
let attempt = () => {};

/** @param {(what: Promise<unknown>) => void} attempts shows what goes wrong */
export function startLab(attempts) {
  attempt = attempts;
}

export function showLab() {
  const has = model.head !== null && model.head.lab !== null;
  lab.hidden = !has || ofNode.length === 0;
  if (has && ofNode.length === 0 && !isLoading) load();
  const node = pickedNode();
  say(target, node === undefined ? 'A node: pick one above' : `Break ${node.slot}`);
  for (const button of ofNode) set(button, 'disabled', node === undefined || model.connection !== 'live');
}

/** @param {string} breakage @param {string} [slot] @returns {Promise<{ readonly node?: string }>} what was broken */
export async function breakIt(breakage, slot) {
  return ask('/api/lab/break', slot === undefined ? { breakage } : { breakage, node: slot });
}

function load() {
  isLoading = true;
  ask('/api/lab')
    .then(build)
    .catch(() => {})
    .finally(() => {
      isLoading = false;
    });
}

/** @param {readonly Breakage[]} breakages */
function build(breakages) {
  const buttons = new Map(breakages.map((each) => [each.id, makeButton(each)]));
  const of = (/** @type {readonly string[]} */ groups, /** @type {string} */ name) =>
    h(
      'div',
      { class: 'lab-buttons', role: 'group', 'aria-label': name },
      ...breakages.filter(({ group }) => groups.includes(group)).map(({ id }) => buttons.get(id) ?? ''),
    );
  ofNode = breakages
    .filter(({ group }) => ofNodes.includes(group))
    .flatMap(({ id }) => buttons.get(id) ?? []);
  lab.append(
    h('div', { class: 'lab-group' }, target, of(ofNodes, 'The picked node')),
    h(
      'div',
      { class: 'lab-group' },
      h('h3', { class: 'lab-target' }, 'Break etcd or its backups'),
      of(['controlPlane'], 'etcd and its backups'),
    ),
    h(
      'div',
      { class: 'lab-group' },
      h('h3', { class: 'lab-target' }, 'Break what is around the nodes'),
      of(['around'], 'Around the nodes'),
    ),
    said,
  );
  showLab();
}

/** @param {Breakage} breakage */
function makeButton({ id, group, label, hint }) {
  return h(
    'button',
    {
      type: 'button',
      class: 'break',
      'data-breakage': id,
      onclick: () => {
        attempt(
          breakIt(id, targetOf(group)).then(({ node }) =>
            say(said, `${label}: done${node === undefined ? '' : ` to ${node}`}.`),
          ),
        );
      },
    },
    h('span', { class: 'break-label' }, label),
    h('span', { class: 'break-hint' }, hint),
  );
}

/**
 * Of etcd's members the picked one, if it is a master; else the laboratory chooses.
 * @param {Breakage['group']} group
 */
function targetOf(group) {
  if (group === 'around') return undefined;
  const isMeant = group !== 'controlPlane' || pickedNode()?.role === 'controlPlane';
  return isMeant ? (model.picked ?? undefined) : undefined;
}
