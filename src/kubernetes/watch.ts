import { z } from 'zod';
import { Failure, toFailure } from '../failure.ts';
import { sleep } from '../runtime/clock.ts';
import type { Connection } from './connection.ts';
import { leaseSchema, nodeSchema } from './facts.ts';
import { parseJsonAs } from './list.ts';
import type { KubernetesLog } from './log.ts';
import type { KubernetesWatcher } from './port.ts';
import { createPublisher } from './publisher.ts';
import { type Reflected, type ReflectorSink, reflect } from './reflector.ts';
import type { RetryContext } from './retry.ts';
import { isOlderRevision } from './revision.ts';
import { judgeSight, type SightFacts, type Watched } from './sight.ts';
import { createView, type View, type ViewChange } from './view.ts';

const NODES = { path: '/api/v1/nodes', item: nodeSchema };
const LEASES = { path: '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', item: leaseSchema };

/** Looks at the clock for each stale time, so that sight is lost no later than this fraction after it. */
const LOOKS_PER_STALE_TIME = 15;

const probeSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });

/** Follows nodes and leases until stopped, and tells `watcher` what it sees and whether it sees. */
export function watchCluster(
  connection: Connection,
  context: RetryContext,
  log: KubernetesLog,
  watcher: KubernetesWatcher,
): { stop(): Promise<void> } {
  const { clock } = context;
  const stopping = new AbortController();
  /** What the watcher was last told: `sighted`, or the code of the reason for blindness. */
  let told: string | null = null;

  const tell = (state: 'sighted' | 'blind', code: string, why: string) => {
    if (told === code || stopping.signal.aborted) return;
    told = code;
    log[state === 'blind' ? 'warn' : 'info'](`kubernetes: ${state}`, { why, code });
    watcher.sight(state, why);
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      const lost = await keepSight(connection, context, log, watcher, stopping.signal, {
        sighted: () => tell('sighted', 'sighted', 'Nodes and leases were listed and are being followed.'),
        blind: (code, why) => tell('blind', code, why),
      });
      // The stretch of sight is over. What follows is a fresh one, with nothing taken over from this.
      if (lost) tell('blind', lost.code, lost.why);
    }
  };

  // A watcher that throws is a defect that must not be silent: as an exception of a timer it ends the process.
  const done = run().catch((defect: unknown) => {
    clock.after(0, () => {
      throw defect;
    });
  });
  return {
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

interface Tell {
  sighted(): void;
  blind(code: string, why: string): void;
}

/**
 * One stretch of sight, from nothing: lists, follows, is sighted once all is fresh, and resolves with why when that is over.
 * Resolves with null when `stopping` is aborted.
 */
async function keepSight(
  connection: Connection,
  context: RetryContext,
  log: KubernetesLog,
  watcher: KubernetesWatcher,
  stopping: AbortSignal,
  tell: Tell,
): Promise<{ readonly code: string; readonly why: string } | null> {
  const { clock, limits } = context;
  const over = new AbortController();
  const end = () => over.abort();
  stopping.addEventListener('abort', end, { once: true });
  const view = createView();
  const publisher = createPublisher(clock, limits, view.takeTouched, (touched) =>
    watcher.changed(view.live, touched),
  );
  over.signal.addEventListener('abort', () => publisher.stop(), { once: true });
  let facts: SightFacts = {
    startedAt: clock.now(),
    isSighted: false,
    provedAt: null,
    listed: { nodes: false, leases: false },
    troubledSince: { nodes: clock.now(), leases: clock.now() },
    unreachable: 0,
    failure: null,
    wentBack: false,
  };
  let newest: string | undefined;
  let lost: { readonly code: string; readonly why: string } | null = null;

  const learn = (news: Partial<SightFacts>) => {
    if (over.signal.aborted) return;
    facts = { ...facts, ...news };
    const sight = judgeSight(facts, clock.now(), limits);
    if (sight.state === 'sighted' && !facts.isSighted) {
      facts = { ...facts, isSighted: true };
      view.restartHeartbeats(clock.now());
      publisher.flush();
      tell.sighted();
    } else if (sight.state === 'blind') {
      if (facts.isSighted || facts.wentBack) {
        lost = sight;
        end();
      } else tell.blind(sight.code, sight.why);
    }
  };
  const proved = (): Partial<SightFacts> => ({ provedAt: clock.now(), unreachable: 0 });
  const seen = (change: ViewChange) => {
    if (facts.isSighted) publisher.note(change);
  };

  const sinkFor = <T extends Reflected>(
    watched: Watched,
    into: {
      readonly replace: (objects: readonly T[], now: number) => ViewChange;
      readonly put: (object: T, now: number) => ViewChange;
      readonly remove: (name: string) => ViewChange;
    },
  ): ReflectorSink<T> => {
    const troubledSince = (since: number | null) => ({ ...facts.troubledSince, [watched]: since });
    return {
      replaced(objects, resourceVersion) {
        if (over.signal.aborted) return;
        if (isOlderRevision(newest, resourceVersion) || newest === undefined) newest = resourceVersion;
        seen(into.replace(objects, clock.now()));
        const listed = { ...facts.listed, [watched]: true };
        learn({ ...proved(), listed, failure: null });
      },
      put(object) {
        if (over.signal.aborted) return;
        seen(into.put(object, clock.now()));
        learn(proved());
      },
      removed(name) {
        if (over.signal.aborted) return;
        seen(into.remove(name));
        learn(proved());
      },
      opened: () => learn({ troubledSince: troubledSince(null) }),
      troubled(failure) {
        log.info(`kubernetes: the watch of ${watched} is tried again`, {
          code: failure.code,
          why: failure.message,
        });
        learn({ failure, troubledSince: troubledSince(facts.troubledSince[watched] ?? clock.now()) });
      },
    };
  };

  /** Asks for one lease, from etcd and not from a cache: an API server whose etcd is gone still answers much else. */
  const probe = async () => {
    const asked = { method: 'GET', url: connection.url(LEASES.path, { limit: 1 }) };
    // Compared with what was known before asking: a list may finish while the probe's answer is under way.
    const before = newest;
    try {
      const answer = await connection.request({
        ...asked,
        timeoutMs: limits.probeTimeoutMs,
        signal: over.signal,
      });
      const { metadata } = parseJsonAs(probeSchema, answer.body, asked);
      const wentBack = isOlderRevision(metadata.resourceVersion, before);
      if (isOlderRevision(newest, metadata.resourceVersion)) newest = metadata.resourceVersion;
      learn({ ...proved(), wentBack, ...(facts.isSighted ? { failure: null } : {}) });
    } catch (caught) {
      const noConnection = caught instanceof Failure && caught.code === 'Unreachable';
      learn({ failure: toFailure(caught), unreachable: noConnection ? facts.unreachable + 1 : 0 });
    }
  };

  const every = async (ms: number, what: () => Promise<void> | void) => {
    while (!over.signal.aborted) {
      await what();
      await sleep(clock, ms, over.signal).catch(() => undefined);
    }
  };

  await Promise.all([
    reflect(connection, NODES, sinkFor('nodes', nodesInto(view)), context, over.signal),
    reflect(connection, LEASES, sinkFor('leases', leasesInto(view)), context, over.signal),
    every(limits.probeMs, probe),
    every(limits.staleMs / LOOKS_PER_STALE_TIME, () => learn({})),
  ]);
  stopping.removeEventListener('abort', end);
  return lost;
}

const nodesInto = (view: View) => ({
  replace: view.replaceNodes,
  put: view.putNode,
  remove: view.removeNode,
});
const leasesInto = (view: View) => ({
  replace: view.replaceLeases,
  put: view.putLease,
  remove: view.removeLease,
});
