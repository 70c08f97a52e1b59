import type { Cloud, Instance } from '../cloud/port.ts';
import { cloudTags } from '../cloud/port.ts';
import { toFailure } from '../failure.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
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
  /** Those that the configuration names: none but the cluster's own account knows them. */
  readonly securityGroups: readonly string[];
  /** How long until the next look, in ms. */
  intervalMs(): number;
  /**
   * A look is over. What it found changed, by the instances' ids and by the slots that their tags name; empty if the cloud did not
   * answer.
   */
  changed(touched: TouchedInstances): void;
}

export interface TouchedInstances {
  readonly ids: ReadonlySet<string>;
  readonly slots: ReadonlySet<string>;
}

/** Instances on a page of the cloud's list, at most. */
const pageSize = 100;
/**
 * A whole list is asked for so seldom that its pages come to one a second on average, whatever the size of the fleet, in ms: the quotas
 * of an account are like 200 calls a minute for all who use it, and this leaves two thirds to the others and to wdrip's own work.
 */
const pageEveryMs = 1_000;
/**
 * Between two whole lists of a fleet that has more than one page, at most so many troubled instances are asked for by themselves in a
 * look.
 */
const mostAskedAlone = 5;

/** A list older than this many looks is too old to take a node away on. */
const staleIntervals = 5;
/** ... or than this many of the intervals at which whole lists are asked for: one may fail. */
const staleLists = 2;
/** ... and never sooner than this, in ms: one slow answer is not blindness. */
const staleFloorMs = 30_000;

/**
 * How long from one whole list of so many instances to the next, in ms: each look is one while that takes a single page; a fleet of
 * 10,000 is listed every 100 s, and those of its instances that matter now are asked for by themselves in between.
 */
export function listIntervalMs(instances: number, intervalMs: number): number {
  const pages = Math.ceil(instances / pageSize);
  return pages <= 1 ? intervalMs : Math.max(intervalMs, pages * pageEveryMs);
}

/** Filled while a look goes on: what was found before it failed was found. */
interface Touched {
  readonly ids: Set<string>;
  readonly slots: Set<string>;
}

/**
 * Follows the cluster's instances. A list is taken only whole, and an instance that it lacks counts as gone only when the cloud, asked for
 * that very id, says so (safety 3). A list without any instance we know could be another account's: it is believed only of the account
 * that has the cluster's security group. But one after the other they may all go: credentials do not change within a life.
 */
export function watchCloud(options: CloudWatchOptions): CloudWatch {
  const { cloud, clock, log } = options;
  let stopped = false;
  let cancelPause = () => {};
  let endPause = () => {};
  let view: CloudView = nothingSeenOfCloud;
  // What the view is made of, so that one instance can be changed without a copy of ten thousand.
  let instances = new Map<string, Instance>();
  let gone = new Set<string>();
  let slots = new Map<string, readonly Instance[]>();
  /** The list that the two hold and nothing else; null if something came from elsewhere. */
  let listed: readonly Instance[] | null = null;
  /** The ids that the actors believed in at that list. */
  let knownBefore: readonly string[] = [];
  let failure: string | null = 'not asked yet';
  let seenAt = 0;
  let listedAt = Number.NEGATIVE_INFINITY;
  /** Where the next look at the troubled goes on, when they are more than one look takes. */
  let turn = 0;

  async function lookAtAll(touched: Touched): Promise<void> {
    const startedAt = clock.now();
    const list = await cloud.listInstances(options.cluster);
    const known = options.known();
    // Of the same list and the same ids the same are missing.
    if (!isAsListed(list.instances) || !sameList(known, knownBefore))
      await compare(list.instances, known, touched);
    // What was found is known, whether or not the next question is answered.
    view = { ...view, instances, gone, askedAt: list.askedAt, askedAlone: noneAskedAlone };
    const troubled = options.troubled();
    if (troubled.length > 0 || view.repairing.size > 0) await lookAtRepairs(troubled, touched);
    [listedAt, seenAt] = [startedAt, clock.now()];
  }

  /** Adopts a list that is not the one before, or is looked at by those who know others. Throws if it is not to be believed. */
  async function compare(
    list: readonly Instance[],
    known: readonly string[],
    touched: Touched,
  ): Promise<void> {
    const inList = isAsListed(list) ? instances : byId(list);
    const missing = new Set<string>();
    const unlisted = new Map<string, Instance>();
    for (const id of known) {
      if (inList.has(id) || unlisted.has(id)) continue;
      const alone = gone.has(id) ? null : await cloud.findInstance(id);
      if (alone === null) missing.add(id);
      else unlisted.set(id, alone);
    }
    const found = unlisted.size === 0 ? inList : new Map([...inList, ...unlisted]);
    const goneNow = [...missing].filter((id) => !gone.has(id));
    if (goneNow.length > 1 && missing.size === new Set(known).size) {
      if (!(await isOurAccount()))
        throw new Error(
          `the cloud knows none of the ${known.length} instances of this cluster, nor its security group: are the account and region right?`,
        );
      log.warn('every instance of this cluster is gone, and its account is the right one', {
        instances: known.length,
      });
    }
    if (found !== instances) {
      for (const [id, instance] of found) touchIfOther(touched, id, instances.get(id), instance);
      for (const [id, instance] of instances)
        if (!found.has(id)) touchIfOther(touched, id, instance, undefined);
      [instances, slots] = [found, groupBySlot(list)];
      listed = unlisted.size === 0 ? list : null;
    }
    for (const id of differing(gone, missing)) touched.ids.add(id);
    [gone, knownBefore] = [missing, known];
  }

  async function isOurAccount(): Promise<boolean> {
    for (const id of options.securityGroups) if (await cloud.hasSecurityGroup(id)) return true;
    return false;
  }

  function isAsListed(list: readonly Instance[]): boolean {
    if (list === listed) return true;
    return list.length === listed?.length && list.every((each, index) => isUnchanged(listed?.[index], each));
  }

  /** Those with a node that is not well, one by one: what the last list said of them may be long ago. */
  async function lookAtTroubled(touched: Touched): Promise<void> {
    const troubled = options.troubled();
    if (troubled.length === 0) return;
    const askedAlone = new Map(view.askedAlone);
    for (const id of troubled.length <= mostAskedAlone ? troubled : nextOf(troubled)) {
      const askedAt = clock.now();
      const found = await cloud.findInstance(id);
      askedAlone.set(id, askedAt);
      const before = instances.get(id);
      if (found !== null && sameInstance(before, found)) continue;
      if (found === null && gone.has(id)) continue;
      touched.ids.add(id);
      listed = null;
      if (found === null) {
        instances.delete(id);
        gone.add(id);
      } else instances.set(id, found);
      for (const slot of slotsOf(before, found)) {
        const others = (slots.get(slot) ?? []).filter((each) => each.id !== id);
        slots.set(slot, found?.tags[cloudTags.slot] === slot ? [...others, found] : others);
        touched.slots.add(slot);
      }
    }
    view = { ...view, askedAlone };
    await lookAtRepairs(troubled, touched);
  }

  function nextOf(troubled: readonly string[]): readonly string[] {
    const from = turn % troubled.length;
    turn = from + mostAskedAlone;
    return [...troubled.slice(from), ...troubled.slice(0, from)].slice(0, mostAskedAlone);
  }

  /** Those of the troubled that the cloud itself repairs now. */
  async function lookAtRepairs(troubled: readonly string[], touched: Touched): Promise<void> {
    const asked = troubled.filter((id) => instances.has(id));
    const repairing = asked.length === 0 ? nobody : await cloud.executingSystemEvents(asked);
    for (const id of differing(view.repairing, repairing)) touched.ids.add(id);
    view = { ...view, repairing };
  }

  const listEveryMs = () => listIntervalMs(instances.size, options.intervalMs());

  async function follow(): Promise<void> {
    while (!stopped) {
      const touched: Touched = { ids: new Set(), slots: new Set() };
      try {
        await (clock.now() - listedAt >= listEveryMs() ? lookAtAll(touched) : lookAtTroubled(touched));
        failure = null;
      } catch (caught) {
        if (stopped) return;
        const why = toFailure(caught).message;
        if (why !== failure) log.warn('the cloud could not be asked for its instances', { why });
        failure = why;
      }
      options.changed(touched);
      if (!stopped) await pause(options.intervalMs());
    }
  }

  /** Ended early by `stop`: a listener to the signal for each look would be dear. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      cancelPause = clock.after(ms, resolve);
      endPause = resolve;
    });
  }

  const following = follow();
  return {
    view: () => view,
    bySlot: () => slots,
    unseenBecause() {
      if (seenAt === 0) return failure ?? 'not asked yet';
      const ageMs = clock.now() - seenAt;
      const mostMs = Math.max(
        staleFloorMs,
        staleIntervals * options.intervalMs(),
        staleLists * listEveryMs(),
      );
      if (ageMs <= mostMs) return null;
      return `the newest list is ${Math.round(ageMs / 1000)} s old${failure === null ? '' : ` (${failure})`}`;
    },
    async stop() {
      stopped = true;
      cancelPause();
      endPause();
      await following;
    },
  };
}

const nobody: ReadonlySet<string> = new Set();
const noneAskedAlone: ReadonlyMap<string, number> = new Map();

function touchIfOther(
  touched: Touched,
  id: string,
  before: Instance | undefined,
  after: Instance | undefined,
): void {
  if (before !== undefined && after !== undefined && sameInstance(before, after)) return;
  touched.ids.add(id);
  for (const slot of slotsOf(before, after)) touched.slots.add(slot);
}

/** Members of one set that are not in the other. */
function differing(a: ReadonlySet<string>, b: ReadonlySet<string>): readonly string[] {
  if (a.size === 0 && b.size === 0) return [];
  return [...[...a].filter((each) => !b.has(each)), ...[...b].filter((each) => !a.has(each))];
}

/** What a look decides on; of the rest nothing changes in the life of an instance but its disk, which a list does not tell. */
function sameInstance(a: Instance | undefined, b: Instance): boolean {
  return (
    a === b ||
    (a !== undefined &&
      a.status === b.status &&
      a.zone === b.zone &&
      a.privateIp === b.privateIp &&
      a.startedAt === b.startedAt &&
      sameList(a.locks, b.locks) &&
      (a.tags === b.tags || sameTags(a.tags, b.tags)))
  );
}

/** All that a list tells. */
function isUnchanged(a: Instance | undefined, b: Instance): boolean {
  return (
    a === b ||
    (sameInstance(a, b) && a?.id === b.id && a.imageId === b.imageId && a.instanceType === b.instanceType)
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((each, index) => each === b[index]));
}

function sameTags(a: Instance['tags'], b: Instance['tags']): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** The slots that their tags name. */
function slotsOf(...instances: readonly (Instance | null | undefined)[]): ReadonlySet<string> {
  return new Set(instances.flatMap((each) => each?.tags[cloudTags.slot] ?? []));
}

function byId(instances: readonly Instance[]): Map<string, Instance> {
  return new Map(instances.map((each) => [each.id, each]));
}

function groupBySlot(instances: Iterable<Instance>): Map<string, readonly Instance[]> {
  const slots = new Map<string, Instance[]>();
  for (const instance of instances) {
    const slot = instance.tags[cloudTags.slot];
    if (slot === undefined) continue;
    const of = slots.get(slot);
    if (of === undefined) slots.set(slot, [instance]);
    else of.push(instance);
  }
  return slots;
}
