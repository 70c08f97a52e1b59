import { type ChangeLog, type ShippingFigures, shipChangeLog } from '../backup/change-log/ship.ts';
import type { AccountKey } from '../backup/keys/account-key.ts';
import type { ObjectStore } from '../backup/objects/port.ts';
import type { Endpoint, Etcd } from '../etcd/port.ts';
import type { Log } from '../log.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';

/** How often it is looked whether a log can be begun, in ms: it needs a quorum and a backup to begin after. */
const againMs = 2_000;

export interface ChangeLogShippingParts {
  readonly cluster: string;
  readonly enabled: boolean;
  readonly etcd: Etcd;
  readonly stores: readonly ObjectStore[];
  readonly key: AccountKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly endpoints: () => readonly Endpoint[];
  readonly history: () => string | null;
  /** Revision of the newest backup of this history; null: there is none to begin after. */
  readonly newest: (history: string, signal: AbortSignal) => Promise<number | null>;
  readonly wanted: (reason: string) => void;
}

export interface ChangeLogShipping {
  figures(): ShippingFigures | null;
  /** There is a new backup: a log that waited for one can begin. */
  backupTaken(): void;
  start(): void;
  stop(): Promise<void>;
}

/** Keeps the change log going: begins it after the newest backup, and anew after whatever ended it. */
export function createChangeLogShipping(parts: ChangeLogShippingParts): ChangeLogShipping {
  const { clock, log } = parts;
  const stopping = new AbortController();
  let current: ChangeLog | null = null;
  let following: Promise<void> | null = null;
  /** A backup was asked for: none is asked for again before it is there. */
  let awaited = false;

  async function follow(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      const history = parts.history();
      const after = history === null || awaited ? null : await parts.newest(history, signal);
      if (history !== null && after === null && !awaited) ask('the change log needs a backup to begin after');
      if (history !== null && after !== null) await ship(history, after, signal);
      await sleep(clock, againMs, signal);
    }
  }

  function ask(reason: string): void {
    awaited = true;
    parts.wanted(reason);
  }

  async function ship(history: string, after: number, signal: AbortSignal): Promise<void> {
    const own = new AbortController();
    const abort = () => own.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    current = shipChangeLog({ ...parts, history, after, signal: own.signal });
    log.info('the change log is shipped', { after, history });
    const ended = current.ended;
    // Another history is written to now: what comes is not of this log.
    const watching = (async () => {
      while (!own.signal.aborted) {
        await sleep(clock, againMs, own.signal);
        const now = parts.history();
        if (now !== null && now !== history) own.abort(new Error('another history'));
      }
    })().catch(() => {});
    const end = await ended;
    own.abort(new Error('ended'));
    await watching;
    signal.removeEventListener('abort', abort);
    current = null;
    if (end.kind === 'stopped') return;
    log.warn('the change log has ended, and begins anew after another backup', { ...end, history });
    ask(`the change log has ended (${end.kind})`);
  }

  return {
    figures: () => current?.figures() ?? null,
    backupTaken() {
      awaited = false;
    },
    start() {
      if (!parts.enabled) return;
      following ??= follow().catch((caught: unknown) => {
        if (!stopping.signal.aborted) log.error('the change log is shipped no more', { error: caught });
      });
    },
    async stop() {
      stopping.abort(new Error('stopped'));
      await following;
    },
  };
}
