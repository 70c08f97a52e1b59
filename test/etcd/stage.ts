import type { Endpoint, Etcd } from '../../src/etcd/port.ts';

/** Where clusters can be started, real or simulated, and a hand on each member's process and data. */
export interface EtcdStage {
  readonly etcd: Etcd;
  /** A new cluster of voters `m0`, `m1`, …; resolves when all of them are healthy. */
  cluster(size: number, options?: { readonly quotaBytes?: number }): Promise<StagedCluster>;
  /** A cluster of one member `m0` from a snapshot's bytes, as `etcdutl snapshot restore` makes it. */
  restore(snapshot: Uint8Array, options?: { readonly bumpRevisions?: number }): Promise<StagedCluster>;
  /** An endpoint at which nobody listens. */
  nobody(): Promise<Endpoint>;
  /** Lets time pass until it gives something else than null, at most half a minute. */
  until<T>(what: string, look: () => Promise<T | null>): Promise<T>;
}

export interface StagedCluster {
  /** Of `m0`, `m1`, …, also of those that are down. */
  readonly endpoints: readonly Endpoint[];
  endpoint(name: string): Endpoint;
  peerUrl(name: string): string;
  /** SIGKILL. Its data stays. */
  kill(name: string): Promise<void>;
  /** SIGTERM, and its end awaited. */
  stop(name: string): Promise<void>;
  /** Starts its process again with what is on its disk; without data it joins as the member that has its peer URL. */
  start(name: string): Promise<void>;
  /** Starts it with `--force-new-cluster`: the only member of what its data says. */
  forceNewCluster(name: string): Promise<void>;
  /** Its process takes no step any more, and its connections stay open. */
  freeze(name: string): void;
  thaw(name: string): void;
  /** Deletes the data of one that is down. */
  wipe(name: string): Promise<void>;
  /** Says that this member's data is corrupt, as etcd does by itself once the members' hashes differ. */
  declareCorrupt(name: string): Promise<void>;
  /** Makes room for another member, which does not run yet. */
  prepare(name: string): Promise<void>;
}
