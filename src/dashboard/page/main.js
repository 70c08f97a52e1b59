/** Puts the page together: what the feed says goes into the model, and the parts show the model. */
import { showBar, startBar, tickBar } from './bar.js';
import { byId, say } from './dom.js';
import { showEtcd, startEtcd, tickEtcd } from './etcd.js';
import { showFleet, startFleet, tickFleet } from './fleet.js';
import { breakIt, showLab, startLab } from './lab.js';
import { ask, listen, rememberToken } from './live.js';
import { model, take } from './model.js';
import { showNode, startNode, tickNode } from './node.js';
import { showError, showNotices, startNotices, tickNotices } from './notices.js';
import { showClusterStory } from './story.js';
import { makeWelcome } from './welcome.js';
import { quorumState, stateOf } from './words.js';

/** How often countdowns are brought up to date, in ms. */
const tickMs = 250;
/** Changes of this many nodes are read out one by one; of more only their number. */
const readOut = 3;

const welcome = makeWelcome({
  onBreak(slot, breakage) {
    pick(slot);
    attempt(breakIt(breakage, slot));
  },
  onBreakAround: (breakage) => attempt(breakIt(breakage)),
});
/** By slot, and of etcd by no slot: the state that was last read out. @type {Map<string, string>} */
const heard = new Map();
let storyTold = -1;

/** @param {string} slot */
function pick(slot) {
  model.picked = slot;
  show();
}

/** @param {Promise<unknown>} what */
function attempt(what) {
  what.catch((/** @type {Error} */ failed) => showError(failed.message));
}

function show() {
  showBar();
  showNotices();
  showFleet();
  showEtcd();
  welcome.show(model.head !== null && model.head.lab !== null);
  showNode(welcome.element);
  showLab();
  tellClusterStory();
}

function tellClusterStory() {
  const { head } = model;
  if (head === null || model.connection !== 'live' || head.told === storyTold) return;
  const told = head.told;
  storyTold = told;
  ask('/api/story').then(
    (lines) => showClusterStory(byId('story'), lines, pick),
    () => {
      if (storyTold === told) storyTold = -1;
    },
  );
}

/** For those who don't see the tiles change. @param {boolean} isFirst */
function readChanges(isFirst) {
  /** @type {string[]} */
  const changes = [];
  for (const node of model.nodes.values()) {
    const { word } = stateOf(node);
    if (heard.get(node.slot) === word) continue;
    heard.set(node.slot, word);
    changes.push(`${node.slot}: ${word}`);
  }
  if (model.controlPlane !== null) {
    const { word } = quorumState(model.controlPlane);
    if (heard.get('') !== word) changes.push(word);
    heard.set('', word);
  }
  if (isFirst || changes.length === 0) return;
  say(byId('said'), changes.length > readOut ? `${changes.length} changes` : changes.join(', '));
}

rememberToken();
startBar(attempt);
startNotices(attempt);
startFleet(pick);
startEtcd();
startNode(attempt);
startLab(attempt);
// It scrolls, so it must be reachable by keyboard.
byId('story').tabIndex = 0;
show();
addEventListener('hashchange', () => {
  rememberToken();
  if (model.connection === 'refused') location.reload();
});
setInterval(() => {
  tickBar();
  tickNotices();
  tickFleet();
  tickEtcd();
  tickNode();
}, tickMs);
void listen(
  (message, isFirst) => {
    take(message, isFirst);
    if (isFirst) {
      model.connection = 'live';
      storyTold = -1;
    }
    readChanges(isFirst);
    show();
  },
  (connection) => {
    if (model.connection === connection) return;
    // The time that was shown is where it stops.
    model.connection = connection;
    show();
  },
);
