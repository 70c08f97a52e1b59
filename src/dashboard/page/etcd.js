/** etcd and its backups at a glance: who votes and leads, what could be restored, and the way back while the quorum is lost. */
import { byId, glyph, h, keyed, say, set, setGlyph } from './dom.js';
import { clusterNow, model } from './model.js';
import {
  countdown,
  lasting,
  memberState,
  quorumState,
  recoveryNames,
  ruleWords,
  timeOfDay,
} from './words.js';

/** @typedef {import('../../supervisor/control-plane-view.ts').ControlPlaneView} ControlPlane */
/** @typedef {ControlPlane['members'][number]} Member */

const section = byId('etcd');
const shape = glyph('unknown');
const chipWord = h('span');
const chip = h('span', { class: 'chip' }, shape, chipWord);
const voters = h('span', { class: 'muted' });
const why = h('p', { class: 'etcd-why' });
const next = h('p', { class: 'muted' });
const members = h('ul', { class: 'members', 'aria-label': 'Members of etcd' });
const backup = h('dd');
const changes = h('dd');
const backups = h(
  'dl',
  { class: 'facts etcd-facts' },
  h('div', {}, h('dt', {}, 'Backup'), backup),
  h('div', {}, h('dt', {}, 'Change log'), changes),
);
const wayTitle = h('h3', { class: 'etcd-way-title' });
const way = h('ol', { class: 'way', 'aria-label': 'The way back' });

export function startEtcd() {
  section.append(
    h(
      'div',
      { class: 'etcd' },
      h('div', { class: 'etcd-head' }, chip, voters),
      why,
      next,
      members,
      wayTitle,
      way,
      backups,
    ),
  );
}

export function showEtcd() {
  const { controlPlane } = model;
  section.hidden = controlPlane === null;
  if (controlPlane === null) return;
  const { kind, word } = quorumState(controlPlane);
  set(chip, 'data-kind', kind);
  setGlyph(shape, kind);
  say(chipWord, word);
  say(voters, `${controlPlane.healthy} of ${controlPlane.size} voters are healthy`);
  const isQuiet = controlPlane.state === 'healthy';
  set(why, 'hidden', isQuiet);
  const { waiting } = controlPlane;
  const rule = waiting === null ? '' : ` (rule "${ruleWords[waiting.rule] ?? waiting.rule}")`;
  say(why, `${sentence(controlPlane)}${rule}.`);
  showMembers(controlPlane);
  showWay(controlPlane);
  set(backups, 'hidden', controlPlane.backups === null);
  tickEtcd();
}

/** Begins with a capital, but for the name of a master. @param {ControlPlane} controlPlane */
function sentence({ why: because, members: named }) {
  const isName = named.some(({ slot }) => slot !== null && because.startsWith(slot));
  return isName ? because : `${because.slice(0, 1).toUpperCase()}${because.slice(1)}`;
}

/** Brings what depends on the time up to date. */
export function tickEtcd() {
  const { controlPlane } = model;
  if (controlPlane === null) return;
  const now = clusterNow();
  const due = controlPlane.next;
  set(next, 'hidden', due === null);
  if (due !== null) say(next, `In ${countdown(due.at - now)}: ${due.what}`);
  if (controlPlane.backups === null) return;
  const { verified, nextAt, lastFailure, behindMs } = controlPlane.backups;
  const coming = nextAt === null ? 'one is made now' : `the next at ${timeOfDay(nextAt)}`;
  const failed = lastFailure === null ? '' : ` The last one failed: ${lastFailure.message}.`;
  say(
    backup,
    verified === null
      ? `None that was restored in a rehearsal yet; ${coming}.${failed}`
      : `${lasting(now - verified.takenAt)} old, restored in a rehearsal; in ${verified.regions.join(' and ')}; ${coming}.${failed}`,
  );
  say(
    changes,
    behindMs === null
      ? 'None is shipped now.'
      : behindMs === 0
        ? 'Follows within seconds: no more would be lost.'
        : `${lasting(behindMs)} behind.`,
  );
  set(changes, 'data-kind', behindMs === 0 ? null : 'suspect');
  set(backup, 'data-kind', verified === null || lastFailure !== null ? 'suspect' : null);
}

/** @param {ControlPlane} controlPlane */
function showMembers(controlPlane) {
  keyed(
    members,
    controlPlane.members,
    ({ slot, memberId, instanceId }) => slot ?? memberId ?? instanceId ?? '',
    makeMember,
  );
  for (const [index, member] of controlPlane.members.entries()) {
    const item = members.children[index];
    if (!item) continue;
    const { kind, word } = memberState(member, controlPlane.leader);
    set(item, 'data-kind', kind);
    const [picture, , state] = item.children;
    if (picture) setGlyph(picture, kind);
    if (state) say(state, word);
  }
}

/** @param {Member} member */
function makeMember({ slot, memberId }) {
  return h(
    'li',
    { class: 'member' },
    glyph('unknown'),
    h('span', { class: 'member-name' }, slot ?? `member ${memberId ?? ''}`),
    h('span', { class: 'member-state' }),
  );
}

/** @param {ControlPlane} controlPlane */
function showWay({ steps, source }) {
  set(way, 'hidden', steps.length === 0);
  set(wayTitle, 'hidden', steps.length === 0);
  say(wayTitle, source === null ? 'The way back' : `The way back, from ${source}`);
  keyed(
    way,
    steps,
    ({ step }) => step,
    ({ step }) =>
      h(
        'li',
        { class: 'way-step' },
        h('span', { class: 'step-dot', 'aria-hidden': 'true' }),
        h('span', {}, recoveryNames[step] ?? step),
        h('span', { class: 'unseen' }),
      ),
  );
  for (const [index, { mark }] of steps.entries()) {
    const item = way.children[index];
    if (!item) continue;
    set(item, 'data-mark', mark);
    set(item, 'aria-current', mark === 'now' ? 'step' : null);
    const spoken = item.lastElementChild;
    if (spoken) say(spoken, mark === 'past' ? ', done' : '');
  }
}
