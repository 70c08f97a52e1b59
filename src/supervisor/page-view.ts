import type { StormContext } from '../../machines/storm.ts';
import type { FeedView } from '../dashboard/feed.ts';
import type { ActorRecord, Json } from '../runtime/record.ts';
import type { Runtime } from '../runtime/types.ts';
import { controlPlaneView } from './control-plane-view.ts';
import type { Waiting } from './desk.ts';
import { nextDeadline, reportNode } from './explain.ts';
import { statePath } from './fleet.ts';
import { ladderOf } from './ladder.ts';
import type { Subject } from './subject.ts';

/** What the page shows, as the feed carries it: the cluster in the head, and an item for each node by its slot. */
export function pageView(subject: Subject): () => FeedView {
  /** A node's text is made anew only when its record or its wait has changed: 10,000 nodes are looked at several times a second. */
  const made = new WeakMap<ActorRecord, { key: string; text: string }>();
  let items: ReadonlyMap<string, string> = new Map();

  const itemsOf = (now: NonNullable<ReturnType<Subject['current']>>): ReadonlyMap<string, string> => {
    const quarantined = now.runtime.quarantined();
    const texts = new Map<string, string>();
    for (const actor of now.supervisor.fleet.all()) {
      const { slot } = actor.context;
      const waiting = now.supervisor.desk.waiting(slot);
      const why = quarantined.get(actor.record.id) ?? null;
      const told = subject.chronicle.newestNumber(slot);
      const key = `${told} ${why} ${waitKey(waiting)}`;
      let known = made.get(actor.record);
      if (known?.key !== key) {
        const ladder = ladderOf(actor.context, actor.state);
        known = { key, text: JSON.stringify({ ...reportNode(actor, waiting, why), ladder, told }) };
        made.set(actor.record, known);
      }
      texts.set(slot, known.text);
    }
    return texts;
  };

  return () => {
    const now = subject.current();
    if (now !== null) items = itemsOf(now);
    return {
      now: subject.clock.now(),
      head: {
        cluster: subject.cluster,
        supervisor: now === null ? 'down' : 'up',
        sight: now === null ? null : { ...now.supervisor.sight() },
        pauses: now === null ? null : pausesOf(now.supervisor.pauses()),
        stalled: now === null ? null : (now.runtime.stalled()?.message ?? null),
        storms: now === null ? [] : stormsOf(now.runtime),
        controlPlane: now === null ? null : asJson(controlPlaneView(now)),
        told: subject.chronicle.count,
        lab: subject.lab(),
      },
      items,
    };
  };
}

function waitKey(waiting: Waiting | null): string {
  return waiting === null ? '' : `${waiting.since} ${waiting.why}`;
}

function pausesOf(pauses: {
  readonly cluster: boolean;
  readonly pools: readonly string[];
  readonly slots: readonly string[];
}): Json {
  return { cluster: pauses.cluster, pools: [...pauses.pools], slots: [...pauses.slots] };
}

/** The breakers that are not calm. */
function stormsOf(runtime: Runtime): Json {
  const storms: Json[] = [];
  for (const id of runtime.ids()) {
    if (!id.startsWith('storm/')) continue;
    const record = runtime.record(id);
    const state = record === undefined ? 'calm' : statePath(record.snapshot.value);
    if (record === undefined || state === 'calm') continue;
    // The runtime has checked the record's machine and version, so its context is what it says.
    const { scope, notReady, total } = record.snapshot.context as unknown as StormContext;
    const until = nextDeadline(record.deadlines)?.at ?? null;
    storms.push({ scope, state, notReady, total, until });
  }
  return storms;
}

/** Plain data, as JSON carries it. */
function asJson(data: unknown): Json {
  const copy: Json = JSON.parse(JSON.stringify(data ?? null));
  return copy;
}
