import { policyValue } from '../../machines/policy.ts';
import type { PauseScope, Pauses, SupervisorContext } from '../../machines/supervisor.ts';
import type { Cloud, Instance } from '../cloud/port.ts';
import type { Etcd } from '../etcd/port.ts';
import { Failure } from '../failure.ts';
import type { Kubernetes, KubernetesView, NodeFacts, TouchedNodes } from '../kubernetes/port.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Runtime, Transition } from '../runtime/types.ts';
import { type AdmissionRequest, admit, type Decision, endsByNews } from './admission.ts';
import { type CloudWatch, type TouchedInstances, watchCloud } from './cloud-watch.ts';
import type { PoolConfig, SupervisorConfig } from './config.ts';
import { configureBackups } from './configure-backups.ts';
import { ControlPlane } from './control-plane.ts';
import { type AdmissionDesk, createDesk } from './desk.ts';
import { factsFor, type Knowledge } from './facts.ts';
import { actorIds, Fleet, instancesOf, isAtWork, type NodeActor } from './fleet.ts';
import { NodeIndex, nothingSeenOfCloud, type Observation, observe } from './observation.ts';
import { type Look, tellNode } from './reconcile.ts';
import { createSecondSignal, type SecondSignal } from './second-signal.ts';
import { sendDurably } from './send-durably.ts';
import { Slots } from './slots.ts';
import { stormsNow, tellStorms } from './storms.ts';

export interface SupervisorParts {
  readonly config: SupervisorConfig;
  readonly runtime: Runtime;
  readonly kubernetes: Kubernetes;
  readonly cloud: Cloud;
  /** Null: wdrip was given no way to reach it, and looks after workers only. */
  readonly etcd: Etcd | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The records of all actors were lost: what they had tried is not known, and counts as used up (safety 21). */
  readonly recordsLost: boolean;
}

/** Changes that arrive together are looked at together, this long after the first of them, in ms. */
const lookAfterMs = 50;
/** An actor that did not take an event, or that waits for the next heartbeat of its node, is looked at again after this long, in ms. */
const againAfterMs = 1_000;
/**
 * Silence is no event: it is seen only by looking. All heartbeats are looked at after this share of the time after which a silent lease
 * counts. Who has been silent for the rest of that time by then is looked at again after that rest, and so on: nobody's silence goes unseen
 * for longer than a quarter of the time beyond it.
 */
const quietLookShare = 3 / 4;
/** Every so manieth of those looks compares everything with everything: whatever else was missed, by whatever defect, is made up for. */
const wholeLookEach = 4;

/**
 * Turns observations into events and admits repairs; the actors decide, the effects act. A change costs what has changed: the slots that
 * it touches are noted, and the next look compares those. See docs/decisions/looking.md.
 */
export class Supervisor {
  readonly fleet = new Fleet();
  readonly desk: AdmissionDesk;
  /** Null without an etcd, or without masters to be looked after. */
  readonly controlPlane: ControlPlane | null;
  readonly #parts: SupervisorParts;
  readonly #pools: ReadonlyMap<string, PoolConfig>;
  readonly #signal: SecondSignal;
  /** Made once: admission asks again and again. */
  readonly #senses: Pick<Knowledge, 'seen' | 'confirmed' | 'quorum'> = {
    seen: (actor) => this.seen(actor),
    confirmed: (actor) => this.#signal.confirmed(actor),
    quorum: (slot) => this.controlPlane?.factsOf(slot) ?? null,
  };
  #cloud: CloudWatch | null = null;
  #watch: { stop(): Promise<void> } | null = null;
  #view: KubernetesView = { nodes: new Map(), heartbeatAt: () => undefined };
  #index = new NodeIndex(this.#view);
  /** Null until the first word of the watch: then nothing is known, but nothing was lost either. */
  #sight: Knowledge['sight'] | null = null;
  readonly #sightWaiters = new Set<() => void>();
  readonly #slots: Slots;
  /** By slot: since when its node has not been seen Ready, in epoch ms. */
  readonly #failedAt = new Map<string, number>();
  /** What the next look compares: these slots, or all. */
  #touched = new Set<string>();
  #touchedAll = false;
  /** Slots whose last look is not the end of it. */
  #again = new Set<string>();
  /** Slots of which the cloud has said something other than their actors believe. */
  readonly #awaitingCloud = new Set<string>();
  /** When admission last decided: then a list that can be acted on is news. */
  #cloudWasUnseen = false;
  #cancelLook: (() => void) | null = null;
  #cancelAgain: (() => void) | null = null;
  #cancelWhole: (() => void) | null = null;
  /** Slots of Ready nodes without a heartbeat for so long, in ms, that a whole look would come too late for them. */
  #quiet = new Set<string>();
  #cancelQuiet: (() => void) | null = null;
  #quietLooks = 0;
  readonly #quietMs: number;
  #stopped = false;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#quietMs = parts.config.supervisor.leaseSilentMs * (1 - quietLookShare);
    this.#pools = new Map(parts.config.pools.map((pool) => [pool.id, pool]));
    this.#slots = new Slots({
      ...parts,
      fleet: this.fleet,
      controlPlane: () => this.controlPlane,
      retired: (slot) => {
        this.#failedAt.delete(slot);
        this.#touch('all');
      },
    });
    this.desk = createDesk({
      clock: parts.clock,
      log: parts.log,
      decider: () => this.#decider(),
      endsByNews,
    });
    this.#signal = createSecondSignal({ ...parts, changed: () => this.desk.review() });
    this.controlPlane = this.#createControlPlane();
  }

  /** Starts watching. The runtime must have been started. */
  async start(): Promise<void> {
    const { runtime, kubernetes, cloud, clock, log, config } = this.#parts;
    await runtime.spawn(actorIds.supervisor, 'supervisor', { cluster: config.cluster });
    runtime.onTransition((transition) => this.#onTransition(transition));
    for (const id of runtime.ids()) {
      const record = runtime.record(id);
      if (record?.machine === 'node') this.fleet.update(record);
    }
    this.#cloud = watchCloud({
      cloud,
      clock,
      log,
      cluster: config.cluster,
      known: () =>
        this.controlPlane === null
          ? this.fleet.instanceIds()
          : [...this.fleet.instanceIds(), ...this.controlPlane.instances()],
      troubled: () => instancesOf(this.fleet.busy().values()),
      securityGroups: [
        ...new Set(
          [...config.pools, ...(config.controlPlane === undefined ? [] : [config.controlPlane])].map(
            ({ securityGroupId }) => securityGroupId,
          ),
        ),
      ],
      intervalMs: () =>
        this.fleet.urgent().size > 0 ? config.supervisor.cloudPollBusyMs : config.supervisor.cloudPollMs,
      changed: (touched) => this.#onCloud(touched),
    });
    this.#watch = kubernetes.watch({
      changed: (view, touched) => this.#onNodes(view, touched),
      sight: (state, why) => this.#onSight(state, why),
    });
    this.controlPlane?.start();
    if (this.controlPlane !== null) configureBackups(config, runtime, clock.now());
  }

  #createControlPlane(): ControlPlane | null {
    const { etcd, config, runtime, clock, log } = this.#parts;
    if (etcd === null || config.controlPlane === undefined) return null;
    return new ControlPlane({
      cluster: config.cluster,
      replicas: config.controlPlane.replicas,
      policy: config.controlPlane.quorumPolicy,
      etcd,
      runtime,
      clock,
      log,
      pollMs: config.supervisor.cloudPollMs,
      busyPollMs: config.supervisor.cloudPollBusyMs,
      cloud: () => this.#cloud?.view() ?? nothingSeenOfCloud,
      paused: () => this.pauses().cluster,
      mastersUnderRepair: () => this.mastersUnderRepair(),
      changed: () => this.desk.review(),
    });
  }

  /** Slots of masters whose own ladder holds a permit, or was granted one. */
  mastersUnderRepair(): readonly string[] {
    const slots = new Set([...this.fleet.permits().keys(), ...this.desk.grantedSlots()]);
    return [...slots].filter((slot) => this.fleet.get(slot)?.context.role === 'controlPlane');
  }

  /** Those of them at whose instance a rung is at work now. One that holds a permit and only waits changes nothing. */
  mastersWorkedOn(): readonly string[] {
    return this.mastersUnderRepair().filter(
      (slot) => this.desk.grantedSlots().has(slot) || isAtWork(this.fleet.get(slot)),
    );
  }

  /** When a Node was last heard of as Ready, in epoch ms, if its ladder has nothing to repair either; null otherwise. */
  wellAt(slot: string): number | null {
    const actor = this.fleet.get(slot);
    if (actor === undefined || !/^(healthy|settling|recovering)/.test(actor.state)) return null;
    const seen = this.seen(actor);
    return seen?.ready ? seen.heartbeatAt : null;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelLook?.();
    this.#cancelAgain?.();
    this.#cancelWhole?.();
    this.#cancelQuiet?.();
    this.desk.stop();
    this.#signal.stop();
    await Promise.all([this.#watch?.stop(), this.#cloud?.stop(), this.controlPlane?.stop()]);
  }

  pauses(): Pauses {
    const record = this.#parts.runtime.record(actorIds.supervisor);
    // The runtime has checked the record's machine and version, so its context is what it says.
    const context = record?.snapshot.context as unknown as SupervisorContext | undefined;
    return context?.pauses ?? { cluster: false, pools: [], slots: [] };
  }

  /**
   * Pauses or resumes repairs, and resolves when that is durable. Rejects with `notFound` for a pool or node that does not exist, and with
   * `retryable` if the supervisor's actor takes no events now.
   */
  async setPause(scope: PauseScope, paused: boolean): Promise<void> {
    const exists =
      scope.kind === 'cluster' ||
      (scope.kind === 'pool'
        ? this.#pools.has(scope.id) || this.fleet.scopes().has(`pool/${scope.id}`)
        : this.fleet.get(scope.id) !== undefined);
    if (!exists)
      throw new Failure({
        kind: 'notFound',
        code: 'UnknownScope',
        message: `there is no ${scope.kind} ${scope.id} in cluster ${this.#parts.config.cluster}`,
      });
    await sendDurably(this.#parts.runtime, actorIds.supervisor, {
      type: paused ? 'PAUSED' : 'RESUMED',
      at: this.#parts.clock.now(),
      scope: { ...scope },
    });
  }

  sight(): Knowledge['sight'] {
    return this.#sight ?? { state: 'blind', why: 'not looked at yet' };
  }

  /** Resolves as soon as the cluster is seen; rejects with the signal's reason. */
  whenSighted(signal: AbortSignal): Promise<void> {
    if (this.#sight?.state === 'sighted') return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const seen = () => {
        signal.removeEventListener('abort', aborted);
        resolve();
      };
      const aborted = () => {
        this.#sightWaiters.delete(seen);
        reject(signal.reason);
      };
      this.#sightWaiters.add(seen);
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  /** The Node objects as they were seen last. */
  nodes(): readonly NodeFacts[] {
    return [...this.#view.nodes.values()];
  }

  nodeFacts(name: string): NodeFacts | null {
    return this.#view.nodes.get(name) ?? null;
  }

  /** What is seen of a slot now; null before the first look at both sides. */
  seen(actor: NodeActor): Observation | null {
    if (this.#sight?.state !== 'sighted' || this.#cloud === null) return null;
    const { clock, config } = this.#parts;
    return observe(actor.context, this.#index, this.#cloud.view(), this.#cloud.bySlot(), {
      now: clock.now(),
      sightedAt: this.#sight.since,
      leaseSilentMs: config.supervisor.leaseSilentMs,
    });
  }

  /**
   * Throws `rejected`, `NodeReady`, if the newest observation of the slot's node says Ready, with a heartbeat from after the last rung's
   * work. While nothing is seen, work that has begun goes on.
   */
  assertNotReady(slot: string): void {
    const actor = this.fleet.get(slot);
    const seen = actor === undefined ? null : this.seen(actor);
    if (actor === undefined || !seen?.ready || seen.heartbeatAt < actor.context.actedAt) return;
    const message = `the node of ${slot} is Ready again: what was begun on it is called off`;
    throw new Failure({ kind: 'rejected', code: 'NodeReady', message });
  }

  /** Decides requests on what is known at this moment: nothing of it changes while the desk looks, but who was granted a permit. */
  #decider(): (request: AdmissionRequest) => Decision {
    const known = this.#knowledge();
    return (request) => this.#decide(request, known);
  }

  #decide(request: AdmissionRequest, known: Knowledge): Decision {
    // Scaled up again: the actor hears of it with the next look.
    if (request.rung === 'retiring' && this.#slots.isWanted(request.slot))
      return { granted: false, rule: 'wanted', why: 'its pool wants it again' };
    const failedAt = this.#failedAt.get(request.slot);
    const suspectMs = policyValue(this.fleet.get(request.slot)?.context.policy ?? noChanges, 'suspectMs');
    if (request.rung !== 'retiring' && failedAt !== undefined && known.now - failedAt < suspectMs)
      return freshFailure;
    const facts = factsFor(request, known);
    if (facts === null)
      return { granted: false, rule: 'foreign', why: `there is no actor for the slot ${request.slot}` };
    const decision = admit(request, facts);
    if (!decision.granted || request.rung === 'retiring' || failedAt !== undefined) return decision;
    // Ready at the last look: that it isn't any more has been heard, and the look that this brings is still to come.
    this.#failedAt.set(request.slot, known.now);
    return freshFailure;
  }

  #knowledge(): Knowledge {
    const { clock, config } = this.#parts;
    const cloudUnseen = this.#cloud === null ? 'not asked yet' : this.#cloud.unseenBecause();
    this.#cloudWasUnseen = cloudUnseen !== null;
    return {
      now: clock.now(),
      cluster: config.cluster,
      fleet: this.fleet,
      pools: this.#pools,
      pauses: this.pauses(),
      sight: this.sight(),
      cloudUnseen,
      instances: this.#cloud?.view().instances ?? new Map<string, Instance>(),
      granted: this.desk.grantedSlots(),
      ...this.#senses,
      storm: stormsNow(this.#parts.runtime),
      quorumHoldsPermit: this.controlPlane?.holdsPermit() ?? false,
    };
  }

  #onTransition({ before: from, after }: Transition): void {
    if (after.machine === 'node') {
      const before = this.fleet.get(slotOf(after.id));
      const actor = this.fleet.update(after);
      // Only once the request's end is in the record does the record, and no longer the grant, say who holds a permit.
      if (!after.effects.some(({ src }) => src === 'requestPermit')) this.desk.settled(actor.context.slot);
      if (before === undefined || before.state !== actor.state) this.#touch([actor.context.slot]);
    } else if (after.machine === 'supervisor') {
      // Pauses and sight concern everybody; a slot that was found concerns the next one, if not all fitted into the mailbox.
      if (from?.snapshot.context !== after.snapshot.context || this.#slots.missing) this.#touch('all');
    }
    this.desk.review();
  }

  #onNodes(view: KubernetesView, touched: TouchedNodes): void {
    this.#view = view;
    if (touched === 'all') {
      this.#index = new NodeIndex(view);
      this.#touch('all');
      return;
    }
    const instances = this.#index.update(view, touched);
    for (const name of touched) this.#note(this.fleet.slotOfNode(name));
    for (const id of instances) this.#note(this.fleet.slotOfInstance(id));
    this.#touch([]);
  }

  #onCloud({ ids, slots }: TouchedInstances): void {
    if (this.#cloudWasUnseen && this.#cloud?.unseenBecause() === null) this.desk.review();
    for (const id of ids) this.#note(this.fleet.slotOfInstance(id));
    this.#touch(slots);
    this.#touch(this.#slots.missing ? 'all' : this.#awaitingCloud);
  }

  #onSight(state: 'sighted' | 'blind', why: string): void {
    const { runtime, clock, log } = this.#parts;
    const at = clock.now();
    if (state === 'blind') {
      log.warn('sight of the cluster is lost: no repair begins or escalates', { why });
      this.#sight = { state: 'blind', why };
      runtime.send(actorIds.supervisor, { type: 'SIGHT_LOST', at, why });
    } else if (this.#sight?.state !== 'sighted') {
      log.info('the cluster is seen', { nodes: this.#view.nodes.size });
      this.#sight = { state: 'sighted', since: at };
      runtime.send(actorIds.supervisor, { type: 'SIGHT_RETURNED', at });
      for (const id of runtime.ids())
        if (runtime.record(id)?.machine === 'storm') runtime.send(id, { type: 'SIGHT_RETURNED', at });
      for (const seen of this.#sightWaiters) seen();
      this.#sightWaiters.clear();
    }
    this.#touch('all');
  }

  /** For the look that the next `#touch` asks for. */
  #note(slot: string | undefined): void {
    if (slot !== undefined) this.#touched.add(slot);
  }

  /** The next look, soon, compares these slots. */
  #touch(slots: Iterable<string> | 'all'): void {
    if (this.#stopped) return;
    if (slots === 'all') this.#touchedAll = true;
    else for (const slot of slots) this.#touched.add(slot);
    if (!this.#touchedAll && this.#touched.size === 0) return;
    this.#cancelLook ??= this.#parts.clock.after(lookAfterMs, () => {
      this.#cancelLook = null;
      this.#look();
    });
  }

  /** Finds slots, tells each touched actor what it does not know yet, counts storms. */
  #look(): void {
    const { runtime, clock } = this.#parts;
    if (this.#stopped || this.#cloud === null || this.#sight === null) return;
    const now = clock.now();
    const sighted = this.#sight.state === 'sighted';
    const [whole, touched] = [this.#touchedAll, this.#touched];
    [this.#touchedAll, this.#touched] = [false, new Set()];
    if (sighted && this.#cloud.view().askedAt > 0)
      this.#slots.find(now, whole ? 'all' : touched, this.#cloud.bySlot());
    const pauses = this.pauses();
    if (whole) for (const actor of this.fleet.values()) this.#tell(actor, now, sighted, pauses);
    else
      for (const slot of touched) {
        const actor = this.fleet.get(slot);
        if (actor !== undefined) this.#tell(actor, now, sighted, pauses);
      }
    if (sighted) tellStorms(runtime, this.fleet.scopes(), now);
    if (whole) this.#lookAtAllLater();
    if (this.#again.size > 0) this.#lookAgain();
    if (this.#quiet.size > 0) this.#lookAtQuiet();
    this.desk.review();
  }

  #tell(actor: NodeActor, now: number, sighted: boolean, pauses: Pauses): void {
    const { context } = actor;
    const seen = this.seen(actor);
    const policy =
      (context.role === 'worker'
        ? this.#pools.get(context.pool)?.policy
        : this.#parts.config.controlPlane?.policy) ?? noChanges;
    // A rung's own work may last longer than the node is Ready in between.
    if (seen?.ready && seen.heartbeatAt >= context.actedAt) this.#failedAt.delete(context.slot);
    else if (seen !== null && !this.#failedAt.has(context.slot)) this.#failedAt.set(context.slot, now);
    const memberInChange = this.controlPlane?.workingOn() === context.slot;
    const look: Look = { now, sighted, seen, pauses, policy, memberInChange };
    const taken = tellNode(this.#parts.runtime, actor, look);
    // Heartbeats are not told: whoever is Ready as soon as one comes must be looked at.
    const awaitsHeartbeat = !context.ready && seen?.node?.ready === 'True';
    if (!taken || awaitsHeartbeat) this.#again.add(context.slot);
    if (seen?.ready && now - seen.heartbeatAt >= this.#quietMs) this.#quiet.add(context.slot);
    // What an actor has done makes an older word of the cloud worthless: it waits for the next one, even if that is the same.
    const awaitsCloud =
      seen !== null && (seen.instance !== context.instance || seen.cloudRepairing !== context.cloudRepairing);
    if (awaitsCloud) this.#awaitingCloud.add(context.slot);
    else this.#awaitingCloud.delete(context.slot);
  }

  #lookAgain(): void {
    this.#cancelAgain ??= this.#parts.clock.after(againAfterMs, () => {
      this.#cancelAgain = null;
      const slots = this.#again;
      this.#again = new Set();
      this.#touch(slots);
    });
  }

  #lookAtQuiet(): void {
    this.#cancelQuiet ??= this.#parts.clock.after(this.#quietMs, () => {
      this.#cancelQuiet = null;
      const slots = this.#quiet;
      this.#quiet = new Set();
      this.#touch(slots);
    });
  }

  #lookAtAllLater(): void {
    this.#cancelWhole?.();
    const ms = this.#parts.config.supervisor.leaseSilentMs * quietLookShare;
    this.#cancelWhole = this.#parts.clock.after(ms, () => {
      this.#quietLooks = (this.#quietLooks + 1) % wholeLookEach;
      if (this.#quietLooks === 0) {
        this.#touchedAll = true;
        this.#look();
      } else {
        this.#findQuiet();
        this.#lookAtAllLater();
      }
    });
  }

  /** Touches those whose heartbeats have stopped, and nobody else: that of all others there is no news was told. */
  #findQuiet(): void {
    const now = this.#parts.clock.now();
    for (const { context } of this.fleet.values()) {
      const { nodeName, slot } = context;
      if (nodeName !== null && now - this.#index.heartbeatAt(nodeName) >= this.#quietMs)
        this.#touched.add(slot);
    }
    this.#touch([]);
  }
}

const freshFailure: Decision = Object.freeze({
  granted: false,
  rule: 'freshFailure',
  why: 'the node was Ready a moment ago: that must last first',
});

const noChanges = Object.freeze({});

function slotOf(actorId: string): string {
  return actorId.slice(actorIds.node('').length);
}
