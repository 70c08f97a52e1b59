/** The laboratory: buttons that break things. Only the embedded cluster has one. */
import { byId, h, say, set } from './dom.js';
import { ask } from './live.js';
import { model, pickedNode } from './model.js';
import { nameBreakages } from './notices.js';

/** @typedef {{ readonly id: string, readonly group: 'node' | 'instance' | 'around', readonly label: string, readonly hint: string }} Breakage */

const lab = byId('lab');
const groups = /** @type {const} */ ({
  node: 'Kubernetes',
  instance: 'The cloud',
  around: 'Around all nodes',
});
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
  say(target, node === undefined ? 'A node: pick one first' : `Of ${node.slot}`);
  for (const button of ofNode) set(button, 'disabled', node === undefined || model.connection !== 'live');
}

/** @param {string} breakage @param {string} [slot] */
export async function breakIt(breakage, slot) {
  await ask('/api/lab/break', slot === undefined ? { breakage } : { breakage, node: slot });
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
  nameBreakages(new Map(breakages.map(({ id, label }) => [id, label])));
  const buttons = new Map(breakages.map((each) => [each.id, makeButton(each)]));
  const of = (/** @type {Breakage['group']} */ group) =>
    h(
      'div',
      { class: 'lab-group', role: 'group', 'aria-label': groups[group] },
      h('h4', { class: 'pool-name' }, groups[group]),
      h(
        'div',
        { class: 'lab-buttons' },
        ...breakages.filter((each) => each.group === group).map(({ id }) => buttons.get(id) ?? ''),
      ),
    );
  ofNode = breakages.filter(({ group }) => group !== 'around').flatMap(({ id }) => buttons.get(id) ?? []);
  lab.append(
    target,
    of('node'),
    of('instance'),
    h('h3', { class: 'lab-target' }, 'Of everything'),
    of('around'),
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
        const slot = group === 'around' ? undefined : (model.picked ?? undefined);
        attempt(
          breakIt(id, slot).then(() =>
            say(said, `${label}: done${slot === undefined ? '' : ` to ${slot}`}.`),
          ),
        );
      },
    },
    h('span', { class: 'break-label' }, label),
    h('span', { class: 'break-hint' }, hint),
  );
}
