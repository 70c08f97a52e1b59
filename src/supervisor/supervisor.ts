import type { NodeInput } from '../../machines/node.ts';
import type { PauseScope, Pauses, SupervisorContext } from '../../machines/supervisor.ts';
import type { Cloud, Instance } from '../cloud/port.ts';
import { cloudTags, nodeNameOf } from '../cloud/port.ts';
import { Failure } from '../failure.ts';
import type { Kubernetes, KubernetesView, NodeFacts } from '../kubernetes/port.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Json } from '../runtime/record.ts';
import type { Runtime, Transition } from '../runtime/types.ts';
import { type AdmissionRequest, admit, type Decision } from './admission.ts';
import { type CloudWatch, watchCloud } from './cloud-watch.ts';
import type { PoolConfig, SupervisorConfig } from './config.ts';
import { type AdmissionDesk, createDesk } from './desk.ts';
import { factsFor, type Knowledge } from './facts.ts';
import { actorIds, Fleet, type NodeActor } from './fleet.ts';
import { indexNodes, type NodeIndex, type Observation, observe } from './observation.ts';
import { tellNode } from './reconcile.ts';
import { createSecondSignal, type SecondSignal } from './second-signal.ts';
import { scopesOf, stormInput, tellStorms, worstStorm } from './storms.ts';

export interface SupervisorParts {
  readonly config: SupervisorConfig;
  readonly runtime: Runtime;
  readonly kubernetes: Kubernetes;
  readonly cloud: Cloud;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The records of all actors were lost: what they had tried is not known, and counts as used up (safety 21). */
  readonly recordsLost: boolean;
}

/** Changes that arrive together are looked at together, this long after the first of them, in ms. */
const lookAfterMs = 50;

/** Turns observations into events and admits repairs; the actors decide, the effects act. */
export class Supervisor {
  readonly fleet = new Fleet();
  readonly desk: AdmissionDesk;
  readonly #parts: SupervisorParts;
  readonly #pools: ReadonlyMap<string, PoolConfig>;
  readonly #signal: SecondSignal;
  #cloud: CloudWatch | null = null;
  #watch: { stop(): Promise<void> } | null = null;
  #view: KubernetesView = { nodes: new Map(), heartbeats: new Map() };
  #index: NodeIndex = indexNodes(this.#view);
  /** Null until the first word of the watch: then nothing is known, but nothing was lost either. */
  #sight: Knowledge['sight'] | null = null;
  readonly #sightWaiters = new Set<() => void>();
  #cancelLook: (() => void) | null = null;
  #cancelAgain: (() => void) | null = null;
  #stopped = false;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#pools = new Map(parts.config.pools.map((pool) => [pool.id, pool]));
    this.desk = createDesk({ clock: parts.clock, log: parts.log, decide: (request) => this.decide(request) });
    this.#signal = createSecondSignal({ ...parts, changed: () => this.desk.review() });
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
      known: () => this.fleet.all().flatMap(({ context }) => context.instanceId ?? []),
      troubled: () =>
        this.fleet
          .all()
          .filter(({ state }) => state !== 'healthy' && state !== 'retired')
          .flatMap(({ context }) => context.instanceId ?? []),
      intervalMs: () =>
        this.fleet.isBusy() ? config.supervisor.cloudPollBusyMs : config.supervisor.cloudPollMs,
      changed: () => this.#lookSoon(),
    });
    this.#watch = kubernetes.watch({
      changed: (view) => {
        this.#view = view;
        this.#index = indexNodes(view);
        this.#lookSoon();
      },
      sight: (state, why) => this.#onSight(state, why),
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelLook?.();
    this.#cancelAgain?.();
    this.desk.stop();
    this.#signal.stop();
    await Promise.all([this.#watch?.stop(), this.#cloud?.stop()]);
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
        ? this.#pools.has(scope.id) || this.fleet.all().some(({ context }) => context.pool === scope.id)
        : this.fleet.get(scope.id) !== undefined);
    if (!exists)
      throw new Failure({
        kind: 'notFound',
        code: 'UnknownScope',
        message: `there is no ${scope.kind} ${scope.id} in cluster ${this.#parts.config.cluster}`,
      });
    const { runtime, clock } = this.#parts;
    const event = { type: paused ? 'PAUSED' : 'RESUMED', at: clock.now(), scope: { ...scope } };
    return new Promise((resolve, reject) => {
      const forget = runtime.onTransition((transition) => {
        if (transition.event !== event) return;
        forget();
        resolve();
      });
      const taken = runtime.send(actorIds.supervisor, event);
      if (taken === 'accepted') return;
      forget();
      const message = `the supervisor takes no events now (${taken}): try again, and see its log`;
      reject(new Failure({ kind: 'retryable', code: 'NotTaken', message }));
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

  nodeFacts(name: string): NodeFacts | null {
    return this.#view.nodes.get(name) ?? null;
  }

  /** What is seen of a slot now; null before the first look at both sides. */
  seen(actor: NodeActor): Observation | null {
    if (this.#sight?.state !== 'sighted' || this.#cloud === null) return null;
    const { clock, config } = this.#parts;
    return observe(
      actor.context,
      this.#index,
      this.#view.heartbeats,
      this.#cloud.view(),
      this.#cloud.bySlot(),
      {
        now: clock.now(),
        sightedAt: this.#sight.since,
        leaseSilentMs: config.supervisor.leaseSilentMs,
      },
    );
  }

  decide(request: AdmissionRequest): Decision {
    const facts = factsFor(request, this.#knowledge());
    return facts === null
      ? { granted: false, rule: 'foreign', why: `there is no actor for the slot ${request.slot}` }
      : admit(request, facts);
  }

  #knowledge(): Knowledge {
    const { runtime, clock, config } = this.#parts;
    return {
      now: clock.now(),
      cluster: config.cluster,
      fleet: this.fleet,
      pools: this.#pools,
      pauses: this.pauses(),
      sight: this.sight(),
      cloudUnseen: this.#cloud === null ? 'not asked yet' : this.#cloud.unseenBecause(),
      instances: this.#cloud?.view().instances ?? new Map<string, Instance>(),
      granted: this.desk.grantedSlots(),
      seen: (actor) => this.seen(actor),
      storm: (actor) => worstStorm(runtime, actor.context),
      confirmed: (actor) => this.#signal.confirmed(actor),
    };
  }

  #onTransition({ after }: Transition): void {
    if (after.machine === 'node') {
      const before = this.fleet.get(slotOf(after.id));
      const actor = this.fleet.update(after);
      // Only once the request's end is in the record does the record, and no longer the grant, say who holds a permit.
      if (!after.effects.some(({ src }) => src === 'requestPermit')) this.desk.settled(actor.context.slot);
      if (before === undefined || before.state !== actor.state) this.#lookSoon();
    } else if (after.machine === 'supervisor') this.#lookSoon();
    this.desk.review();
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
    this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#stopped) return;
    this.#cancelLook ??= this.#parts.clock.after(lookAfterMs, () => {
      this.#cancelLook = null;
      this.#look();
    });
  }

  /** One look at everything: finds slots, tells each actor what it does not know yet, counts storms. */
  #look(): void {
    const { runtime, clock, config } = this.#parts;
    if (this.#stopped || this.#cloud === null || this.#sight === null) return;
    const now = clock.now();
    if (this.#sight.state === 'sighted' && this.#cloud.view().askedAt > 0) this.#findSlots(now);
    const pauses = this.pauses();
    const sighted = this.#sight.state === 'sighted';
    for (const actor of this.fleet.all())
      tellNode(runtime, actor, {
        now,
        sighted,
        seen: this.seen(actor),
        cloud: this.#cloud.view(),
        pauses,
        policy: this.#pools.get(actor.context.pool)?.policy ?? {},
      });
    if (sighted) tellStorms(runtime, this.fleet.all(), now);
    if (this.fleet.all().some(({ state }) => state === 'healthy'))
      this.#lookAgain(config.supervisor.leaseSilentMs / 4);
    this.desk.review();
  }

  /** Silence is seen only by looking: without news, look again after a while. */
  #lookAgain(ms: number): void {
    this.#cancelAgain?.();
    this.#cancelAgain = this.#parts.clock.after(ms, () => this.#lookSoon());
  }

  /** A slot per replica that the pools want, and one per control-plane instance that carries our tag. */
  #findSlots(at: number): void {
    const slots = this.#cloud?.bySlot() ?? new Map<string, readonly Instance[]>();
    for (const { context } of this.fleet.all()) this.#findScopes(at, context);
    for (const pool of this.#parts.config.pools)
      for (let index = 0; index < pool.replicas; index++) {
        const slot = `${pool.id}-${index}`;
        this.#foundSlot(at, slot, pool.id, 'worker', slots.get(slot)?.[0], pool.zones[0] ?? '', pool.policy);
      }
    for (const [slot, instances] of slots) {
      const first = instances[0];
      if (first?.tags[cloudTags.role] === 'controlPlane')
        this.#foundSlot(at, slot, first.tags[cloudTags.pool] ?? slot, 'controlPlane', first, first.zone, {});
    }
  }

  #foundSlot(
    at: number,
    slot: string,
    pool: string,
    role: NodeInput['role'],
    instance: Instance | undefined,
    zone: string,
    policy: NodeInput['policy'],
  ): void {
    const { runtime } = this.#parts;
    if (this.fleet.get(slot) !== undefined || runtime.record(actorIds.node(slot)) !== undefined) return;
    const input: NodeInput = {
      slot,
      pool,
      zone: instance?.zone ?? zone,
      role,
      nodeName: instance === undefined || instance.privateIp === null ? null : nodeNameOf(instance),
      instanceId: instance?.id ?? null,
      policy,
      ...(this.#parts.recordsLost ? { usedUp: true } : {}),
    };
    this.#findScopes(at, input);
    this.#tellSupervisor('SLOT_FOUND', at, actorIds.node(slot), { ...input, policy: { ...policy } });
  }

  /** A breaker per pool and zone; a replacement in another zone may bring a zone that had none. */
  #findScopes(at: number, of: { readonly pool: string; readonly zone: string }): void {
    const { runtime, config } = this.#parts;
    for (const scope of scopesOf(of)) {
      const id = actorIds.storm(scope);
      if (runtime.record(id) === undefined)
        this.#tellSupervisor('SCOPE_FOUND', at, id, { ...stormInput(scope, config.supervisor) });
    }
  }

  #tellSupervisor(type: 'SLOT_FOUND' | 'SCOPE_FOUND', at: number, id: string, input: Json): void {
    this.#parts.runtime.send(actorIds.supervisor, { type, at, id, input });
  }
}

function slotOf(actorId: string): string {
  return actorId.slice(actorIds.node('').length);
}
