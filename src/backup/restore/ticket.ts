import { plainRegion } from '../names.ts';
import type { ObjectStore } from '../objects/port.ts';
import { storedBytes } from '../read-back.ts';
import { type FetchOptions, snapshotStream } from './fetch.ts';

/**
 * For how long a ticket's signature opens the sealed snapshot, in seconds: as long as the master's command may take, and the wait for its
 * agent.
 */
const SIGNED_SECONDS = 1_200;

/** What `wdrip-node etcd-restore` reads (internal/oss/ticket.go): where one backup's sealed snapshot is, and what opens it. */
export interface Ticket {
  readonly format: 1;
  readonly region: string;
  readonly bucket: string;
  /** A URL, or empty for the region's own, inside the cloud's network. */
  readonly endpoint: string;
  readonly key: string;
  /** Of a signed URL: with it the object may be read without credentials, for a while. */
  readonly query: string;
  readonly storedBytes: number;
  readonly plainBytes: number;
  /** Hex. Of the snapshot alone: the rest of the backup, and its manifest's signature, have other keys. */
  readonly streamKey: string;
  /** What is authenticated with every frame. */
  readonly context: string;
}

/** A bucket that masters reach. */
export interface ReachedStore {
  readonly store: ObjectStore;
  /** As of `Ticket`. */
  readonly endpoint: string;
}

export interface TicketOptions extends Omit<FetchOptions, 'store'> {
  /** The copy that was chosen. */
  readonly from: ReachedStore;
  /** The cluster's own bucket. */
  readonly to: ReachedStore;
  /** Under it are the tickets, and nothing else: a prefix that masters' role may read. */
  readonly folder: string;
  /** Of this restore: the same however often it is begun anew. */
  readonly attempt: string;
}

export interface IssuedTicket {
  /** Of the ticket's object. */
  readonly key: string;
  /** Hex, of the sealed snapshot, out of the signed manifest: who replaces a ticket replaces no data. */
  readonly sha256: string;
  /** Takes away the ticket, and what was copied for it. */
  withdraw(): Promise<void>;
}

/**
 * Puts a ticket for a backup's snapshot into the cluster's own bucket: a master fetches, opens and checks the snapshot itself.
 * A copy in another region than that bucket, which masters may not reach, is first copied there as it is, sealed, and held to its hash.
 * If it fails nothing stays; nor do tickets of restores that never ended, since there is one restore at a time. Throws `BackupDamaged`
 * for what is seen of the copy, the key's and the store's failures.
 */
export async function issueTicket(options: TicketOptions): Promise<IssuedTicket> {
  const { from, to, folder, attempt, signal } = options;
  const name = `${folder}${attempt}.ticket`;
  const stored = await snapshotStream({ ...options, store: from.store });
  const copy = `${name}.sealed`;
  const near = plainRegion(from.store.region) === plainRegion(to.store.region);
  const withdraw = async () => {
    // Both are tried.
    const removed = await Promise.allSettled(
      (near ? [name] : [name, copy]).map((key) => to.store.delete(key)),
    );
    for (const each of removed) if (each.status === 'rejected') throw each.reason;
  };
  try {
    if (!near) await to.store.upload(copy, storedBytes(stored, signal), { signal });
    const at = near ? { ...from, key: stored.key } : { ...to, key: copy };
    const ticket: Ticket = {
      format: 1,
      region: plainRegion(at.store.region),
      bucket: at.store.bucket,
      endpoint: at.endpoint,
      key: at.key,
      query: await at.store.presign(at.key, SIGNED_SECONDS),
      storedBytes: stored.facts.storedBytes,
      plainBytes: stored.facts.plainBytes,
      streamKey: stored.stream.key.toString('hex'),
      context: stored.stream.context.toString(),
    };
    await removeTickets(to.store, folder, { but: [name, copy], signal });
    await to.store.put(name, Buffer.from(JSON.stringify(ticket)), { signal });
    return { key: name, sha256: stored.facts.storedSha256, withdraw };
  } catch (caught) {
    // Whether a write took effect may be open. Why it failed is the news.
    await withdraw().catch(() => undefined);
    throw caught;
  }
}

/**
 * Takes away what restores that never ended have left. What can't be taken away now is tried with the next backup or restore: it must not
 * hold this one up. Throws only the signal's reason.
 */
export async function removeTickets(
  store: ObjectStore,
  folder: string,
  { but = [], signal }: { readonly but?: readonly string[]; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  try {
    for (const { key } of await store.list(folder, { signal }))
      if (!but.includes(key)) await store.delete(key);
  } catch {
    signal?.throwIfAborted();
  }
}
