/** What the page knows. Changed by the feed alone; the parts of the page read it. */

/**
 * A node as the feed carries it: what `wdrip explain` says, its ladder, and how far its story goes.
 * @typedef {import('../../supervisor/explain.ts').NodeReport & {
 *   readonly ladder: readonly import('../../supervisor/ladder.ts').LadderStep[],
 *   readonly told: number,
 * }} NodeItem
 */
/**
 * @typedef {object} Lab
 * @property {number} speed
 * @property {readonly number[]} speeds
 * @property {readonly { readonly id: string, readonly did: string, readonly until: number }[]} underWay
 */
/**
 * @typedef {object} Storm
 * @property {string} scope
 * @property {string} state
 * @property {number} notReady
 * @property {number} total
 * @property {number | null} until
 */
/**
 * @typedef {object} Head
 * @property {string} cluster
 * @property {'up' | 'down'} supervisor
 * @property {{ readonly state: 'sighted', readonly since: number } | { readonly state: 'blind', readonly why: string } | null} sight
 * @property {{ readonly cluster: boolean, readonly pools: readonly string[], readonly slots: readonly string[] } | null} pauses
 * @property {string | null} stalled
 * @property {readonly Storm[]} storms
 * @property {import('../../supervisor/control-plane-view.ts').ControlPlaneView | null} controlPlane
 * @property {number} told
 * @property {Lab | null} lab
 */
/**
 * @typedef {object} Message
 * @property {number} now
 * @property {Head} [head]
 * @property {readonly NodeItem[]} items
 * @property {readonly string[]} gone
 */
/** @typedef {'connecting' | 'live' | 'lost' | 'refused'} Connection */

export const model = {
  /** @type {Head | null} */
  head: null,
  /** @type {Map<string, NodeItem>} */
  nodes: new Map(),
  /** etcd and its backups as they were seen last; null: there are none, or nothing is known yet. @type {Head['controlPlane']} */
  controlPlane: null,
  /** @type {Connection} */
  connection: 'connecting',
  /** The picked node's slot. @type {string | null} */
  picked: null,
  /** The cluster's time when the feed last told it, and when that was on this page's own clock. */
  now: 0,
  heardAt: 0,
};

/** The cluster's time: it goes on between two words of the feed, at the cluster's speed. Stands still while nothing is heard. */
export function clusterNow() {
  if (model.connection !== 'live') return model.now;
  return model.now + (performance.now() - model.heardAt) * (model.head?.lab?.speed ?? 1);
}

/**
 * @param {Message} message
 * @param {boolean} isFirst it is the first of a connection, and holds everything
 */
export function take(message, isFirst) {
  if (isFirst) model.nodes = new Map();
  // A word that was long on its way must not set the time back.
  model.now = isFirst ? message.now : Math.max(message.now, model.now);
  model.heardAt = performance.now();
  if (message.head !== undefined) model.head = message.head;
  // While no supervisor looks, what it saw last stays.
  if (model.head !== null && model.head.supervisor === 'up') model.controlPlane = model.head.controlPlane;
  for (const slot of message.gone) model.nodes.delete(slot);
  for (const item of message.items) model.nodes.set(item.slot, item);
}

const byNumber = new Intl.Collator('en', { numeric: true });

/** All nodes: masters first, then by name as people count. */
export function sortedNodes() {
  return [...model.nodes.values()].sort(
    (a, b) => rank(a) - rank(b) || byNumber.compare(a.pool, b.pool) || byNumber.compare(a.slot, b.slot),
  );
}

/** @param {NodeItem} node */
function rank(node) {
  return node.role === 'controlPlane' ? 0 : 1;
}

export function pickedNode() {
  return model.picked === null ? undefined : model.nodes.get(model.picked);
}
