import { kubernetesNames, type NodeFacts } from '../../kubernetes/port.ts';

/** A Node object of the simulated API. Changed only by being replaced, so that a view that was given out stays as it was. */
export interface NodeObject {
  readonly name: string;
  readonly uid: string;
  readonly instanceId: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ready: NodeFacts['ready'];
  readonly reason: string;
  /** Who set `spec.unschedulable`; null if it isn't set. */
  readonly cordonedBy: 'wdrip' | 'person' | null;
}

export interface PodObject {
  readonly name: string;
  /** Null while no node has room for it. */
  readonly node: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** DaemonSet and mirror pods, and those that have ended, are no drain's business. */
  readonly kind: 'app' | 'daemon' | 'mirror' | 'completed';
  readonly claim: string | null;
  readonly deleting: boolean;
}

export interface Budget {
  readonly labels: Readonly<Record<string, string>>;
  allowed: number;
}

export interface EventObject {
  readonly node: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

/** The node as the port tells it. */
export function factsOf(node: NodeObject): NodeFacts {
  const { cordonedBy, ...rest } = node;
  return { ...rest, unschedulable: cordonedBy !== null, cordonedByWdrip: cordonedBy === 'wdrip' };
}

/** `10.0.0.1.i-abc` is of instance `i-abc`. */
export function instanceIdOf(name: string): string | null {
  return /^\d+\.\d+\.\d+\.\d+\.(i-.+)$/.exec(name)?.[1] ?? null;
}

/** The annotations without wdrip's mark of a cordon. */
export function unmarked(annotations: NodeObject['annotations']): NodeObject['annotations'] {
  const { [kubernetesNames.cordoned]: _, ...rest } = annotations;
  return rest;
}

/** Whether a budget is about the pod. */
export function selects(budget: Budget, pod: PodObject): boolean {
  return Object.entries(budget.labels).every(([key, value]) => pod.labels[key] === value);
}
