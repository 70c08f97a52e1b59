import { type LeaseObject, type NodeObject, nodeFacts, sameFacts, statusHeartbeat } from './facts.ts';
import type { KubernetesView, NodeFacts, TouchedNodes } from './port.ts';

/** What a change of the view was about, from most to least. */
export type ViewChange = 'nodes' | 'heartbeats' | 'nothing';

/**
 * What has been seen, built from complete lists and the events after them. Knows no clock: `now` comes with each change, and is when
 * *we* saw it (safety 61).
 */
export interface View {
  replaceNodes(nodes: readonly NodeObject[], now: number): ViewChange;
  putNode(node: NodeObject, now: number): ViewChange;
  removeNode(name: string): ViewChange;
  replaceLeases(leases: readonly LeaseObject[], now: number): ViewChange;
  putLease(lease: LeaseObject, now: number): ViewChange;
  removeLease(name: string): ViewChange;
  /** Every heartbeat counts from `now`: after blindness all of them look old (safety 11). */
  restartHeartbeats(now: number): void;
  /** As the port hands it out: live, and of this one stretch of sight. */
  readonly live: KubernetesView;
  /** The nodes that came, went or changed since the last call. */
  takeTouched(): TouchedNodes;
}

export function createView(): View {
  const nodes = new Map<string, NodeFacts>();
  const statusBeats = new Map<string, string>();
  const leaseBeats = new Map<string, string>();
  /** Which beat each node was last seen with, and when by our clock. */
  const beats = new Map<string, string>();
  const heartbeats = new Map<string, number>();
  let touched = new Set<string>();

  const beatOf = (name: string) => {
    const lease = leaseBeats.get(name);
    return lease === undefined ? `status ${statusBeats.get(name) ?? ''}` : `lease ${lease}`;
  };

  /** Notes a node's beat. `heard` is false when only its source changed: that is no sign of life. */
  const note = (name: string, now: number, heard = true): ViewChange => {
    if (!nodes.has(name)) return 'nothing';
    const beat = beatOf(name);
    if (beats.get(name) === beat) return 'nothing';
    beats.set(name, beat);
    if (!heard && heartbeats.has(name)) return 'nothing';
    heartbeats.set(name, now);
    return 'heartbeats';
  };

  const putNode = (node: NodeObject, now: number): ViewChange => {
    const facts = nodeFacts(node);
    const known = nodes.get(facts.name);
    const isNew = known === undefined || known.uid !== facts.uid;
    if (isNew) {
      beats.delete(facts.name);
      heartbeats.delete(facts.name);
    }
    const changed = known === undefined || !sameFacts(known, facts);
    if (changed) {
      nodes.set(facts.name, facts);
      touched.add(facts.name);
    }
    statusBeats.set(facts.name, statusHeartbeat(node));
    const beat = note(facts.name, now);
    return changed ? 'nodes' : beat;
  };

  const removeNode = (name: string): ViewChange => {
    statusBeats.delete(name);
    beats.delete(name);
    heartbeats.delete(name);
    if (!nodes.delete(name)) return 'nothing';
    touched.add(name);
    return 'nodes';
  };

  const putLease = (lease: LeaseObject, now: number): ViewChange => {
    leaseBeats.set(lease.metadata.name, lease.spec?.renewTime ?? '');
    return note(lease.metadata.name, now);
  };

  const removeLease = (name: string): ViewChange =>
    leaseBeats.delete(name) ? note(name, 0, false) : 'nothing';

  return {
    replaceNodes(list, now) {
      const names = new Set(list.map((node) => node.metadata.name));
      const gone = [...nodes.keys()].filter((name) => !names.has(name)).map(removeNode);
      return most([...gone, ...list.map((node) => putNode(node, now))]);
    },
    putNode,
    removeNode,
    replaceLeases(list, now) {
      const names = new Set(list.map((lease) => lease.metadata.name));
      const gone = [...leaseBeats.keys()].filter((name) => !names.has(name)).map(removeLease);
      return most([...gone, ...list.map((lease) => putLease(lease, now))]);
    },
    putLease,
    removeLease,
    restartHeartbeats(now) {
      for (const name of nodes.keys()) {
        beats.set(name, beatOf(name));
        heartbeats.set(name, now);
      }
    },
    live: { nodes, heartbeatAt: (name) => heartbeats.get(name) },
    takeTouched() {
      const taken = touched;
      touched = new Set();
      return taken;
    },
  };
}

function most(changes: readonly ViewChange[]): ViewChange {
  if (changes.includes('nodes')) return 'nodes';
  return changes.includes('heartbeats') ? 'heartbeats' : 'nothing';
}
