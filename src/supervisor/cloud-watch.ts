import type { Cloud, Instance } from '../cloud/port.ts';
import { cloudTags } from '../cloud/port.ts';
import { toFailure } from '../failure.ts';
import type { Log } from '../log.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { type CloudView, nothingSeenOfCloud } from './observation.ts';

export interface CloudWatch {
  view(): CloudView;
  /** Instances of the newest list by the slot that their tag names. */
  bySlot(): ReadonlyMap<string, readonly Instance[]>;
  /** Null while the newest list is whole and recent; else why it can't be acted on. */
  unseenBecause(): string | null;
  stop(): Promise<void>;
}

export interface CloudWatchOptions {
  readonly cloud: Cloud;
  readonly cluster: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ids of the instances that the actors believe in: each one that a list lacks is asked for by itself. */
  known(): readonly string[];
  /** Those of them with a node that is not well: only there can a repair of the cloud's own matter. */
  troubled(): readonly string[];
  /** How long until the next look, in ms. */
  intervalMs(): number;
  changed(): void;
}

/** A list older than this many intervals is too old to take a node away on. */
const staleIntervals = 5;
/** ... and never sooner than this, in ms: one slow answer is not blindness. */
const staleFloorMs = 30_000;

/**
 * Follows the cluster's instances. A list is taken only whole, and an instance that it lacks counts as gone only when the cloud, asked for
 * that very id, says so (safety 3). A list without any instance we know is not believed at all: wrong credentials look like that.
 */
export function watchCloud(options: CloudWatchOptions): CloudWatch {
  const { cloud, clock, log } = options;
  const stopping = new AbortController();
  let view: CloudView = nothingSeenOfCloud;
  let slots: ReadonlyMap<string, readonly Instance[]> = new Map();
  let failure: string | null = 'not asked yet';
  let seenAt = 0;

  async function look(): Promise<void> {
    const { instances, askedAt } = await cloud.listInstances(options.cluster);
    const byId = new Map(instances.map((each) => [each.id, each]));
    const known = options.known();
    const gone = new Set<string>();
    for (const id of known.filter((each) => !byId.has(each))) {
      if (view.gone.has(id)) {
        gone.add(id);
        continue;
      }
      const found = await cloud.findInstance(id);
      if (found === null) gone.add(id);
      else byId.set(id, found);
    }
    if (known.length > 1 && gone.size === known.length)
      throw new Error(
        `the cloud knows none of the ${known.length} instances of this cluster: are the account and region right?`,
      );
    const troubled = options.troubled().filter((id) => byId.has(id));
    const repairing = troubled.length === 0 ? new Set<string>() : await cloud.executingSystemEvents(troubled);
    view = { instances: byId, gone, repairing, askedAt };
    slots = groupBySlot(instances);
    seenAt = clock.now();
    failure = null;
  }

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await look();
      } catch (caught) {
        if (stopping.signal.aborted) return;
        const why = toFailure(caught).message;
        if (why !== failure) log.warn('the cloud could not be asked for its instances', { why });
        failure = why;
      }
      options.changed();
      await sleep(clock, options.intervalMs(), stopping.signal).catch(() => {});
    }
  }

  const following = follow();
  return {
    view: () => view,
    bySlot: () => slots,
    unseenBecause() {
      if (seenAt === 0) return failure ?? 'not asked yet';
      const ageMs = clock.now() - seenAt;
      if (ageMs <= Math.max(staleFloorMs, staleIntervals * options.intervalMs())) return null;
      return `the newest list is ${Math.round(ageMs / 1000)} s old${failure === null ? '' : ` (${failure})`}`;
    },
    async stop() {
      stopping.abort(new Error('stopped'));
      await following;
    },
  };
}

function groupBySlot(instances: readonly Instance[]): ReadonlyMap<string, readonly Instance[]> {
  const slots = new Map<string, Instance[]>();
  for (const instance of instances) {
    const slot = instance.tags[cloudTags.slot];
    if (slot === undefined) continue;
    const of = slots.get(slot) ?? [];
    of.push(instance);
    slots.set(slot, of);
  }
  return slots;
}
