import type { Asking } from './port.ts';

/**
 * What wdrip needs of the cloud's layer-4 load balancers, in its own words. All methods throw `Failure` (src/failure.ts). Each method that
 * changes something may be asked again: what is there already is no error.
 *
 * A layer-4 balancer can't send a server's packets back to itself, so nothing on a backend may use it: a master's programs use their
 * own API server.
 */
export interface LoadBalancers {
  /** Creates one and returns it. The same attempt gives the same balancer. */
  create(spec: LoadBalancerSpec, attempt: string, options?: Asking): Promise<LoadBalancer>;
  /** Null on the cloud's word that there is none of this id. */
  find(id: string): Promise<LoadBalancer | null>;
  /** Makes the listener of `port` if there is none, and starts it if it does not run. An existing one is not changed. */
  ensureListener(id: string, listener: ListenerSpec, options?: Asking): Promise<void>;
  /** The instances behind the balancer, and what the listener of `port` thinks of each. */
  backends(id: string, port: number): Promise<readonly Backend[]>;
  /** Puts instances behind it. Each must be Running (`rejected` otherwise). One that is there already stays as it is. */
  addBackends(id: string, instanceIds: readonly string[], options?: Asking): Promise<void>;
  /** Takes instances out. One that is not there is no error. */
  removeBackends(id: string, instanceIds: readonly string[], options?: Asking): Promise<void>;
  /** Deletes it, its listeners too. One that does not exist is no error. */
  delete(id: string, options?: Asking): Promise<void>;
}

export interface LoadBalancerSpec {
  readonly name: string;
  /** Its address comes from there. */
  readonly vSwitchId: string;
  /** Such as `slb.s1.small`. */
  readonly specification: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface LoadBalancer {
  readonly id: string;
  /** Private, and the same as long as it lives. */
  readonly address: string;
}

/** A TCP listener: connections to `port` go to `backendPort` of the backends whose `healthPort` can be connected to. */
export interface ListenerSpec {
  readonly port: number;
  readonly backendPort: number;
  readonly healthPort: number;
  /** 1 to 50 s. */
  readonly intervalSeconds: number;
  /** 1 to 300 s. */
  readonly timeoutSeconds: number;
  /** So many checks in a row change a backend's health: 2 to 10. */
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export interface Backend {
  readonly instanceId: string;
  /** `unknown`: the balancer has not said, as for one that has just been added. */
  readonly health: 'normal' | 'abnormal' | 'unknown';
}
