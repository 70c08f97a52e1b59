import type { NodeContext } from '../../machines/node.ts';
import type { SupervisorContext } from '../../machines/supervisor.ts';
import { cloudTags } from '../cloud/port.ts';
import { kubernetesNames } from '../kubernetes/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ActorRecord } from '../runtime/record.ts';
import { actorIds, isAtWork, type NodeActor, nodeActor, scopesOf, statePath } from '../supervisor/fleet.ts';
import type { Violation } from './invariants.ts';
import type { SupervisorLife } from './life-of-supervisor.ts';
import { NotReady } from './not-ready.ts';
import {
  asksElsewhere,
  cheapestFirst,
  createsOne,
  decidedInSight,
  deletesWithMeasure,
  drainsEnd,
  fencedFirst,
  goneOnProof,
  isMarked,
  joinsInPeace,
  locksHold,
  notOnTheReady,
  pausesHold,
  permitsReturn,
  promised,
  recoversOnFreshWord,
  recoveryIsFree,
  restsFirst,
  stormsHold,
  suspectsFirst,
  type WorkBegins,
  worksWithPermit,
} from './safety.ts';
import { type CloudEffect, longestLagMs } from './world/cloud.ts';
import type { NodeAct } from './world/kubernetes.ts';
import { instanceIdOf } from './world/objects.ts';
import type { World } from './world/world.ts';

const hourMs = 3_600_000;
/** Where a boot is no longer waited for. */
const rested = /^(recovering|healthy|joining|throttled|held|awaitingCloud|retiring)/;
/** What the watch has not told is found by looking within this. */
const longestNewsMs = 120_000;
/** An announcement is no repair's business: it is made once, and may be lost while the API is disturbed or the supervisor is new. */
const announcedMs = 30_000;

/** What it must ask of the simulation. */
export interface AuditorParts {
  readonly clock: Clock;
  readonly world: World;
  readonly cluster: string;
  /** Whether a person wants the slot. */
  readonly wanted: (slot: string) => boolean;
  /** Something was wrong with requests to the Kubernetes API within the last `ms`. */
  readonly apiDisturbedWithin: (ms: number) => boolean;
  /** Tellings of the watch were late, lost or doubled within the last `ms`. */
  readonly watchDisturbedWithin: (ms: number) => boolean;
  /** When the supervisor's clock was last set, in the world's epoch ms. */
  readonly clockSetAt: () => number;
  readonly judge: (invariant: Violation['invariant'], violations: readonly Violation[]) => void;
}

/** Looks on, and puts together what the invariants of safety.ts are asked with. Its work is what has changed, and who is under repair. */
export class Auditor {
  readonly #parts: AuditorParts;
  /** By scope: since when repairs are paused, in the world's epoch ms. */
  readonly #pausedSince = new Map<string, number>();
  /** By slot: which instance wdrip booted last, how often it had moved then, and when. */
  readonly #booted = new Map<string, { readonly id: string; readonly at: number; readonly waitMs: number }>();
  readonly #deletions = new Map<string, readonly number[]>();
  readonly #refusals = new Map<string, number>();
  readonly #notReady = new NotReady();
  /** By node name: since when its Node object has been there, in the world's epoch ms. */
  readonly #came = new Map<string, { readonly uid: string; readonly at: number }>();

  constructor(parts: AuditorParts) {
    this.#parts = parts;
  }

  /** An actor has moved. `life` is the one that did it. */
  moved(life: SupervisorLife, before: ActorRecord | null, after: ActorRecord): void {
    if (after.machine === 'supervisor') this.#pauses(after);
    if (after.machine !== 'node') return;
    const { judge } = this.#parts;
    const actor = nodeActor(after);
    const from = before === null ? '' : statePath(before.snapshot.value);
    const { slot, permit } = actor.context;
    judge('safety 24', permitsReturn({ slot, state: actor.state, permit }));
    if (from === actor.state) return;
    if (before !== null && from.endsWith('.draining'))
      judge('safety 27', drainsEnd({ slot, overMs: this.#drainOver(life, before) }));
    if (before !== null) {
      const restedMs = life.clock.now() - before.since;
      judge(
        from === 'throttled' ? 'safety 25' : 'settling',
        restsFirst({ slot, from, to: actor.state, restedMs }),
      );
    }
    const booted = this.#booted.get(slot);
    const heardAt = this.#parts.world.api.heartbeatAt(actor.context.nodeName ?? '');
    if (
      booted?.id === actor.context.instanceId &&
      booted !== undefined &&
      actor.state === 'recovering.clearing' &&
      // From a node that its ladder holds to be well only marks are lifted that were left, such as the quorum's that was called off.
      from !== 'healthy' &&
      heardAt !== undefined
    )
      judge('safety 23', recoversOnFreshWord({ slot, bootedAt: booted.at, heardAt }));
    // Of the commit that a life has died in nothing was told: where it left the actor is seen by the next move.
    if (rested.test(actor.state) || rested.test(from)) this.#booted.delete(slot);
    const work = workOf(actor.state);
    if (work === null) return;
    const begins = this.#begins(life, actor, work, before);
    judge(2, worksWithPermit(begins));
    judge('ladder', cheapestFirst(begins));
    judge('safety 26', pausesHold(begins));
    judge('locked', locksHold(begins));
    judge('safety 14', decidedInSight(begins));
    judge('suspicion', suspectsFirst(begins));
    judge('safety 3', goneOnProof(begins));
    judge('safety 7', stormsHold(begins));
    judge('safety 9', joinsInPeace(begins));
  }

  /** A change of wdrip's has taken effect on an instance. */
  deed(life: SupervisorLife | null, { call, id }: CloudEffect): void {
    const { world, clock, judge, wanted } = this.#parts;
    const machine = world.cloud.machines.get(id);
    const slot = machine?.instance.tags[cloudTags.slot] ?? '';
    const now = clock.now();
    if (life !== null && (call === 'reboot' || call === 'stop' || call === 'deleteInstance')) {
      const actor = life.supervisor.fleet.get(slot);
      // A slot that nobody wants goes however well its node is.
      const isRepair = actor !== undefined && isAtWork(actor) && !actor.state.startsWith('retiring');
      const readyForMs = isRepair ? this.#readyForMs(life, actor) : null;
      judge(3, notOnTheReady({ call, slot, readyForMs, silentForMs: actor ? silentForMs(life, actor) : 0 }));
    }
    if (call === 'reboot' || call === 'start') this.#boots(slot, id, promised.rebootWaitMs);
    if (call === 'reboot') judge('safety 34', isMarked({ call, slot, annotation: this.#mark(life, slot) }));
    if (call === 'deleteInstance') {
      const recent = (this.#deletions.get(slot) ?? []).filter((at) => at > now - hourMs);
      this.#deletions.set(slot, [...recent, now]);
      if (wanted(slot)) judge('safety 1', deletesWithMeasure(slot, recent.length + 1));
    }
    if (call === 'runInstance') {
      this.#boots(slot, id, promised.replaceWaitMs);
      const others = [...world.cloud.machines.values()].filter(
        ({ instance }) =>
          instance.id !== id &&
          instance.tags[cloudTags.slot] === slot &&
          instance.tags[cloudTags.cluster] === this.#parts.cluster,
      );
      judge(
        'safety 5',
        createsOne(
          slot,
          others.map(({ instance }) => instance.id),
        ),
      );
    }
  }

  /** The cloud had no stock in the zone for an instance that was asked for with this token. */
  refused(token: string, zone: string): void {
    const key = `${token} ${zone}`;
    const refusals = (this.#refusals.get(key) ?? 0) + 1;
    this.#refusals.set(key, refusals);
    this.#parts.judge('safety 32', asksElsewhere(token, zone, refusals));
  }

  /** wdrip has acted on a Node. */
  acted({ act, node }: NodeAct): void {
    if (act !== 'releasePods' && act !== 'deleteNode') return;
    const machine = this.#parts.world.cloud.machines.get(instanceIdOf(node) ?? '');
    this.#parts.judge('safety 29', fencedFirst({ node, act, status: machine?.instance.status ?? null }));
  }

  /** A Node object came, went or changed. */
  nodeChanged(name: string): void {
    const { clock, world } = this.#parts;
    const node = world.api.nodes.get(name);
    const now = clock.now();
    if (node === undefined) this.#came.delete(name);
    else if (this.#came.get(name)?.uid !== node.uid) this.#came.set(name, { uid: node.uid, at: now });
    this.#notReady.note(name, node?.ready === 'True', now);
  }

  /** Time has passed: what must not last is looked at. */
  tick(life: SupervisorLife | null): void {
    if (life === null) return;
    for (const actor of life.supervisor.fleet.busy().values()) {
      const { slot } = actor.context;
      if (actor.state.endsWith('.draining'))
        this.#parts.judge('safety 27', drainsEnd({ slot, overMs: this.#drainOver(life, actor.record) }));
      const readyForMs = this.#readyForMs(life, actor);
      const recovery = { slot, state: actor.state, readyForMs, silentForMs: silentForMs(life, actor) };
      this.#parts.judge('safety 13', recoveryIsFree(recovery));
    }
  }

  /** For how long the instance has been locked, if a word of the cloud from after that has come at all. */
  #lockToldForMs(life: SupervisorLife, actor: NodeActor): number | null {
    const { clock, world } = this.#parts;
    const lockedAt = world.cloud.lockedSince.get(actor.context.instanceId ?? '');
    const seen = life.supervisor.seen(actor);
    if (lockedAt === undefined || seen === null) return null;
    const forMs = clock.now() - lockedAt;
    const wordForMs = life.clock.now() - seen.instanceAskedAt;
    return forMs - wordForMs > longestLagMs ? forMs : null;
  }

  #notReadyForMs(name: string | null): number | null {
    const since = this.#notReady.since(name ?? '');
    return since === null || this.#parts.watchDisturbedWithin(longestNewsMs)
      ? null
      : this.#parts.clock.now() - since;
  }

  #boots(slot: string, id: string, waitMs: number): void {
    this.#booted.set(slot, { id, at: this.#parts.clock.now(), waitMs });
  }

  #pauses({ snapshot }: ActorRecord): void {
    // The runtime has checked the record's machine and version, so its context is what it says.
    const { cluster, pools, slots } = (snapshot.context as unknown as SupervisorContext).pauses;
    const paused = new Set([
      ...(cluster ? ['cluster'] : []),
      ...pools.map((id) => `pool ${id}`),
      ...slots.map((id) => `slot ${id}`),
    ]);
    for (const scope of this.#pausedSince.keys()) if (!paused.has(scope)) this.#pausedSince.delete(scope);
    for (const scope of paused)
      if (!this.#pausedSince.has(scope)) this.#pausedSince.set(scope, this.#parts.clock.now());
  }

  #begins(life: SupervisorLife, actor: NodeActor, work: string, before: ActorRecord | null): WorkBegins {
    const { clock, world } = this.#parts;
    const { slot, pool, instanceId, nodeName } = actor.context;
    const now = clock.now();
    const since = (at: number | undefined) => (at === undefined ? null : now - at);
    const scopes = ['cluster', `pool ${pool}`, `slot ${slot}`];
    // A commit that a crash has cut off from its listeners may have resumed it.
    const pauses = life.supervisor.pauses();
    const isPaused = pauses.cluster || pauses.pools.includes(pool) || pauses.slots.includes(slot);
    const paused = isPaused ? scopes.flatMap((scope) => this.#pausedSince.get(scope) ?? []) : [];
    const annotated = life.told.pausedSince.get(nodeName ?? '');
    const spans = [
      ...paused.map((at) => now - at),
      ...(annotated === undefined ? [] : [life.clock.now() - annotated]),
    ];
    const machine = world.cloud.machines.get(instanceId ?? '');
    // An agent that is dead is a second signal.
    const isWell = machine?.agentAlive === true && world.life.isUp(machine);
    const lied = isWell ? world.life.liedSince.get(instanceId ?? '') : undefined;
    return {
      slot,
      work,
      holdsPermit: actor.context.permit !== null,
      skipsKubelet: before !== null && skipsKubelet(nodeActor(before).context),
      pausedForMs: spans.length === 0 ? null : Math.max(...spans),
      lockedForMs: this.#lockToldForMs(life, actor),
      sightedForMs: life.told.sightedSince === null ? null : life.clock.now() - life.told.sightedSince,
      notReadyForMs: this.#notReadyForMs(nodeName),
      wronglyGone: actor.context.instance === 'gone' && machine !== undefined && work !== 'retiring',
      storm: this.#storm(life, actor),
      liedAboutForMs: since(lied),
      ...this.#lastBoot(slot, instanceId),
    };
  }

  #lastBoot(slot: string, instanceId: string | null): Pick<WorkBegins, 'bootedMsAgo' | 'bootWaitMs'> {
    const booted = this.#booted.get(slot);
    const machine = this.#parts.world.cloud.machines.get(instanceId ?? '');
    const counts =
      booted !== undefined &&
      booted.id === instanceId &&
      machine?.instance.status === 'Running' &&
      // Nobody else has stopped or booted it since, and its time was not cut short by a clock.
      machine.movedByOthersAt < booted.at &&
      this.#parts.clockSetAt() < booted.at;
    return {
      bootedMsAgo: counts ? this.#parts.clock.now() - booted.at : null,
      bootWaitMs: booted?.waitMs ?? 0,
    };
  }

  #storm(life: SupervisorLife, { context }: NodeActor): WorkBegins['storm'] {
    let worst: WorkBegins['storm'] = { state: 'calm', forMs: 0 };
    for (const scope of scopesOf(context)) {
      const record = life.runtime.record(actorIds.storm(scope));
      const state = record === undefined ? 'calm' : statePath(record.snapshot.value);
      if (record === undefined || (state !== 'holding' && state !== 'confirming')) continue;
      if (worst.state !== 'holding') worst = { state, forMs: life.clock.now() - record.since };
    }
    return worst;
  }

  /** How long a drain has been going on since it should have ended, by the supervisor's clock and only while it was there. */
  #drainOver(life: SupervisorLife, { since }: ActorRecord): number {
    return life.clock.now() - Math.max(since + promised.drainMs, life.startedAt);
  }

  /** How long the supervisor was told of the node that it is Ready, with a heartbeat that counts; null if it isn't, or is not seen. */
  #readyForMs(life: SupervisorLife, { context }: NodeActor): number | null {
    const { told, clock } = life;
    if (told.sightedSince === null || context.nodeName === null) return null;
    const since = told.readySince.get(context.nodeName);
    const heartbeatAt = told.view.heartbeatAt(context.nodeName) ?? 0;
    if (since === undefined || heartbeatAt < context.actedAt) return null;
    // Counted to the last heartbeat: what is silent since then is not Ready for longer.
    return Math.min(clock.now(), heartbeatAt + 1) - Math.max(since, context.actedAt, told.sightedSince);
  }

  /** The annotation that says which rung is at work; undefined: it is missing; null: it can't be expected. */
  #mark(life: SupervisorLife | null, slot: string): string | undefined | null {
    const actor = life?.supervisor.fleet.get(slot);
    if (!life || !actor || this.#parts.apiDisturbedWithin(announcedMs)) return null;
    if (life.told.sightedSince === null) return null;
    const now = life.clock.now();
    if (now - life.startedAt < announcedMs || now - life.told.sightedSince < announcedMs) return null;
    const node = this.#parts.world.api.nodes.get(actor.context.nodeName ?? '');
    if (node === undefined || !life.told.view.nodes.has(node.name)) return null;
    // It was not there when that was to be written on it.
    if (this.#parts.clock.now() - (this.#came.get(node.name)?.at ?? 0) < announcedMs) return null;
    return node.annotations[kubernetesNames.repair];
  }
}

/** Since the last heartbeat that the supervisor was told. */
function silentForMs(life: SupervisorLife, { context }: NodeActor): number {
  return life.clock.now() - (life.told.view.heartbeatAt(context.nodeName ?? '') ?? 0);
}

/** As the actor knew it before the work began. */
function skipsKubelet({ tried, agentSilent, instance }: NodeContext): boolean {
  return tried === 0 && !agentSilent && instance === 'running';
}

/** The work that begins in this state; null in all others. */
function workOf(state: string): string | null {
  if (state === 'retiring.removing') return 'retiring';
  return /^repairing\.(\w+)\.acting$/.exec(state)?.[1] ?? null;
}
