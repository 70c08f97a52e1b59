import { cloudTags } from '../cloud/port.ts';
import { repeatAtRest } from '../runtime/clock.ts';
import { type Random, seededRandom } from '../runtime/random.ts';
import type { Transition } from '../runtime/types.ts';
import { createVirtualClock, type VirtualClock } from '../runtime/virtual-clock.ts';
import { createMemoryStore } from '../store/memory.ts';
import { maxUnavailable, type SupervisorConfig } from '../supervisor/config.ts';
import { actorIds, nodeActor, statePath } from '../supervisor/fleet.ts';
import { newestRecovery } from '../supervisor/recoveries.ts';
import { Auditor } from './auditor.ts';
import { backupRegions, type MasterCount, simulatedConfig } from './config.ts';
import { ControlPlaneAuditor } from './control-plane-auditor.ts';
import type { CrashPlan } from './crashing-store.ts';
import { Disturbances } from './disturbances.ts';
import { drawGap, drawSwarm, type FaultKind, faultsWith, pick, type Swarm } from './faults.ts';
import { eventInWords, History } from './history.ts';
import {
  allHealed,
  atMostOnce,
  cordonsAsTheyShould,
  nothingLeaked,
  nothingOrphaned,
  onlyOnTheFailed,
  onlyOurs,
  quorumStands,
  type Violation,
  withinBudgets,
} from './invariants.ts';
import { type SupervisorLife, startLife } from './life-of-supervisor.ts';
import { beginningOf, budgetsOf, momentOf } from './moments.ts';
import { Outcome, type SimulationResult } from './outcome.ts';
import { OwnClock } from './own-clock.ts';
import { People } from './people.ts';
import { allVote } from './quorum-invariants.ts';
import { Rival } from './rival.ts';
import { Striker } from './striker.ts';
import type { CloudEffect } from './world/cloud.ts';
import { instanceIdOf } from './world/objects.ts';
import { Vault } from './world/vault.ts';
import { World } from './world/world.ts';

export interface SimulationOptions {
  /** A whole number of 32 bits: one seed, one history. */
  readonly seed: number;
  readonly nodes: number;
  readonly hours: number;
  readonly zones: number;
  /** Control-plane nodes: 0, 1, 3 or 5. Default 0: there are only workers. */
  readonly masters?: number;
  /** Only the faults with these numbers, counted from 1 in the order in which they are drawn; all others stay away. Default: all. */
  readonly only?: readonly number[];
  /** Those that the run's mix is drawn from. Default: all. */
  readonly faults?: readonly FaultKind[];
  /** How many faults there are for each node and month of 30 days, on average. Default: the seed draws how often they come. */
  readonly faultsPerNodeMonth?: number;
}

/** When every history begins, in epoch ms: a fixed day, so that it is the same on any machine. */
const startMs = Date.UTC(2026, 0, 5);
/** A calm start: all nodes join and are known before the first fault. */
const calmMs = 600_000;
/**
 * After the last fault: a whole climb with its throttle and a second climb, and this for as many nodes as may be away at once, one such
 * lot after the other.
 */
const healMs = 7_200_000;
const healEachMs = 2_400_000;
/** How soon after the last fault all may be over at the earliest, in ms: what has just been broken must have been noticed. */
const settleMs = 5_000;
/** A killed supervisor is started again within this, in ms. */
const restartWithinMs = 30_000;
/** A try that was under way may land so long after a person has changed a tag, in ms: a slow one takes three seconds. */
const tagNewsMs = 4_000;
/**
 * So long after the last look at etcd a call lands at most, in ms: the tag is looked at, and then it is made, each in three seconds where
 * the cloud is slow. Of a quorum that has come back since nobody could know.
 */
const slowestCallMs = 7_000;
/** How often it is looked whether something lasts that must not, in ms. What ends between two looks did not last. */
const auditMs = 30_000;
/** A pool is scaled up and down by at most this share. */
const mostScaled = 0.3;
/** Of this many newest lines is the story of a violation. */
const storyLines = 120;
/** More steps at one time than this is a loop that never lets time pass: a defect. */
const mostStepsAtOnce = 100_000;

/** How many nodes may be away at once, in all pools together. */
function budgetOf({ pools }: SupervisorConfig): number {
  return pools.reduce((sum, pool) => sum + maxUnavailable(pool), 0);
}

/** As many as were asked for, of those that a cluster can have. */
function mastersOf({ masters = 0 }: SimulationOptions): MasterCount {
  if (masters === 0 || masters === 1 || masters === 3 || masters === 5) return masters;
  throw new Error(`a cluster has 0, 1, 3 or 5 masters, not ${masters}`);
}

const monthMs = 30 * 24 * 3_600_000;

/** The run's own mix, at the rate that was asked for. */
function swarmOf({ nodes, masters, faults, faultsPerNodeMonth }: SimulationOptions, random: Random): Swarm {
  const drawn = drawSwarm(random, faults ?? faultsWith(masters ?? 0));
  return faultsPerNodeMonth === undefined
    ? drawn
    : { ...drawn, meanGapMs: monthMs / (nodes * faultsPerNodeMonth) };
}

/** Called during a run, each time that so much simulated time has passed. */
export interface SimulationWatch {
  readonly everyMs: number;
  readonly tell: () => void;
}

/** Runs one history. The result depends on the options alone. */
export function simulate(options: SimulationOptions, watch?: SimulationWatch): Promise<SimulationResult> {
  return new Simulation(options).run(watch);
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #clock: VirtualClock = createVirtualClock(startMs);
  readonly #history = new History(startMs);
  /** Each part draws from its own source: a draw more in one does not change what another is given. */
  readonly #random: {
    readonly faults: Random;
    readonly world: Random;
    readonly requests: Random;
    readonly life: Random;
  };
  /** What the person wants who configures wdrip: changed by scaling. */
  #config: SupervisorConfig;
  readonly #ownClock: OwnClock;
  readonly #people: People;
  readonly #auditor: Auditor;
  readonly #zones: readonly string[];
  readonly #swarm: Swarm;
  readonly #disturbances: Disturbances;
  readonly #world: World;
  readonly #store = createMemoryStore({ asText: false });
  readonly #outcome: Outcome;
  readonly #vault: Vault;
  /** Null without masters. */
  readonly #controlPlane: ControlPlaneAuditor | null;
  /** By slot: the attempt that works on it, or did last, and how often each call took effect for it. */
  readonly #attempts = new Map<string, { readonly attempt: string; readonly deeds: Map<string, number> }>();
  /** Instances of another cluster, which have been so from the beginning. */
  readonly #foreign = new Set<string>();
  /** Node uids that a person has cordoned. */
  readonly #personCordons = new Map<string, string>();
  readonly #striker: Striker;
  /** By pool: the permits that may be out. */
  #allowed: ReadonlyMap<string, number> = new Map();
  /** Slots of which something has changed since the invariants were last looked at. */
  readonly #touched = new Set<string>();
  /** Something has changed since it was last asked whether all is healed. */
  #changed = true;
  #life: SupervisorLife | null = null;
  #crashed: CrashPlan['at'] | null = null;
  /** How the next life is to die. */
  #plan: CrashPlan | null = null;
  #lives = 0;
  #strikes = 0;
  /** The supervisor itself failed where it must not. */
  #defect: Error | null = null;
  #violation: Violation | null = null;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const root = seededRandom(options.seed);
    const branch = () => seededRandom(Math.floor(root.next() * 2 ** 32));
    this.#random = { faults: branch(), world: branch(), requests: branch(), life: branch() };
    this.#zones = Array.from({ length: options.zones }, (_, index) => `zone-${index + 1}`);
    this.#config = simulatedConfig(options.nodes, this.#zones, mastersOf(options));
    this.#swarm = swarmOf(options, this.#random.faults);
    this.#disturbances = new Disturbances(this.#clock, this.#random.requests);
    this.#outcome = new Outcome({
      nodes: options.nodes + (options.masters ?? 0),
      calmUntil: startMs + calmMs,
      budget: budgetOf(this.#config),
    });
    this.#world = new World({
      clock: this.#clock,
      random: this.#random.world,
      config: this.#config,
      zones: this.#zones,
      masters: options.masters ?? 0,
      onEtcd: () => {
        this.#changed = true;
        this.#controlPlane?.changed();
      },
      onAcknowledged: (acknowledged) => this.#controlPlane?.acknowledged(acknowledged),
      onMembership: (change) => this.#controlPlane?.membership(change),
      onData: (deed) => this.#controlPlane?.data(deed),
      misfortune: () => this.#disturbances.misfortune(),
      apiMisfortune: () => this.#disturbances.apiMisfortune(),
      etcdMisfortune: () => this.#disturbances.etcdMisfortune(),
      listLagMs: () => this.#disturbances.listLagMs(),
      lacks: () => this.#disturbances.lacks(),
      telling: () => this.#disturbances.telling(),
      onEffect: (effect) => this.#onEffect(effect),
      onAct: (act) => {
        this.#note(`${act.act} of ${act.node}`, this.#slotOf(act.node));
        this.#auditor.acted(act);
      },
      onRefusal: (token, zone) => this.#auditor.refused(token, zone),
      onNode: (name) => this.#onNode(name),
      onInstance: () => {
        this.#changed = true;
      },
      onUp: (id, isUp) => this.#onUp(id, isUp),
    });
    this.#vault = new Vault(backupRegions, (removed, left) => this.#controlPlane?.pruned(removed, left));
    const { masters } = this.#world;
    this.#controlPlane =
      masters === null
        ? null
        : new ControlPlaneAuditor({
            clock: this.#clock,
            world: this.#world,
            masters,
            vault: this.#vault,
            note: (text) => this.#note(text),
            judge: (invariant, violations) => this.#judge(invariant, violations),
          });
    this.#ownClock = new OwnClock(this.#clock);
    this.#auditor = new Auditor({
      clock: this.#clock,
      world: this.#world,
      cluster: this.#config.cluster,
      wanted: (slot) => this.#wanted().includes(slot),
      watchDisturbedWithin: (ms) => this.#disturbances.watchDisturbedWithin(ms),
      apiDisturbedWithin: (ms) => this.#disturbances.apiDisturbedWithin(ms),
      clockSetAt: () => this.#ownClock.setAt,
      judge: (invariant, violations) => this.#judge(invariant, violations),
    });
    this.#people = new People(this.#clock, () => this.#life?.supervisor ?? null);
    this.#striker = new Striker({
      clock: this.#clock,
      cluster: this.#config.cluster,
      world: this.#world,
      vault: this.#vault,
      disturbances: this.#disturbances,
      personCordons: this.#personCordons,
      note: (text) => this.#note(text),
      struck: (slot, kind) => this.#outcome.struck(slot, kind, this.#clock.now()),
      kill: () => this.#kill(),
      crash: (plan) => this.#life?.crash(plan),
      killTwice: (plan) => {
        this.#plan = plan;
        this.#kill();
      },
      ownClock: this.#ownClock,
      people: this.#people,
      rival: new Rival({
        clock: this.#clock,
        world: this.#world,
        note: (text) => this.#note(text),
        onCordon: (node, uid) => this.#personCordons.set(node, uid),
      }),
      scale: (random) => this.#scale(random),
    });
  }

  async run(watch?: SimulationWatch): Promise<SimulationResult> {
    const { nodes, hours, seed } = this.#options;
    const faultsEnd = startMs + calmMs + hours * 3_600_000;
    const lots = Math.ceil(nodes / budgetOf(this.#config)) + mastersOf(this.#options);
    const end = faultsEnd + healMs + lots * healEachMs;
    this.#note(
      `seed ${seed}: ${nodes} nodes, faults every ${Math.round(this.#swarm.meanGapMs / 1_000)} s: ${this.#swarm.kinds.join(', ')}`,
    );
    this.#world.populate();
    for (const zone of this.#zones)
      this.#foreign.add(
        this.#world.birth('workers-0', zone, {
          [cloudTags.cluster]: 'another',
          [cloudTags.slot]: 'workers-0',
        }),
      );
    this.#clock.after(1_000, () => this.#startLife());
    this.#clock.after(auditMs, () => this.#audit());
    this.#clock.after(calmMs + drawGap(this.#random.faults, this.#swarm.meanGapMs), () =>
      this.#strike(faultsEnd),
    );
    this.#clock.after(faultsEnd - startMs, () => this.#calm());
    if (watch !== undefined) this.#tell(watch);

    let [last, steps] = [startMs, 0];
    await repeatAtRest(() => {
      this.#afterStep();
      const now = this.#clock.now();
      steps = now === last ? steps + 1 : 0;
      last = now;
      if (this.#defect !== null) throw this.#defect;
      if (steps > mostStepsAtOnce) throw new Error(`time stands still at ${last}`);
      if (this.#violation !== null || now >= end) return false;
      if (now > faultsEnd + settleMs && this.#isHealed()) return false;
      this.#clock.step();
      return true;
    });
    if (this.#violation === null) {
      this.#judge(8, allHealed(this.#ending()));
      // Without masters there is nothing to look at, and a look that sees nothing is not counted.
      if (this.#world.masters !== null) this.#judge(8, this.#unvoting());
      this.#judge(5, nothingLeaked(this.#ending()));
      this.#judge(5, nothingOrphaned(this.#ending()));
    }
    this.#life?.kill();
    const now = this.#clock.now();
    return this.#outcome.result(now, {
      options: this.#options,
      simulatedMs: now - startMs,
      swarm: this.#swarm,
      violation: this.#violation,
      story: this.#violation === null ? [] : this.#story(this.#violation),
      events: this.#history.count,
      digest: this.#history.digest(),
      faultsDrawn: this.#strikes,
    });
  }

  #tell(watch: SimulationWatch): void {
    this.#clock.after(watch.everyMs, () => {
      watch.tell();
      this.#tell(watch);
    });
  }

  #note(text: string, slot: string | null = null): void {
    this.#history.add(this.#clock.now(), slot, text);
  }

  #story({ concerns }: Violation): readonly string[] {
    return this.#history.story(
      new Set(concerns.map((name) => this.#slotOf(name))),
      this.#clock.now(),
      storyLines,
    );
  }

  /** The slot of an instance or a node that is there, by its name; else the name: it is a slot's, or of what is not ours. */
  #slotOf(name: string): string {
    const machine = this.#world.cloud.machines.get(name);
    return machine?.instance.tags[cloudTags.slot] ?? this.#world.api.nodes.get(name)?.labels.slot ?? name;
  }

  #startLife(): void {
    this.#lives += 1;
    this.#crashed = null;
    this.#note(`supervisor starts (${this.#lives})`);
    const clock = this.#ownClock.forLife();
    const plan = this.#plan;
    this.#plan = null;
    this.#life = startLife({
      config: this.#config,
      clock,
      ofWorld: clock.ofWorld,
      plan,
      random: seededRandom(Math.floor(this.#random.life.next() * 2 ** 32)),
      store: this.#store,
      cloud: this.#world.cloud,
      kubernetes: this.#world.api,
      zones: this.#zones,
      instanceSpec: (slot, zone) => this.#world.spec(slot, zone),
      controlPlane: this.#world.masters && {
        etcd: this.#world.masters.etcd,
        vault: this.#vault,
        shared: this.#world.shared,
      },
      onTransition: (transition) => this.#onTransition(transition),
      onCrash: (at) => {
        this.#crashed = at;
      },
      onDefect: (why) => {
        this.#defect = new Error(`the supervisor could not start: ${why}`);
      },
    });
  }

  #kill(): void {
    if (this.#life === null) return;
    this.#note('supervisor is killed');
    this.#outcome.crashed(this.#crashed);
    this.#life.kill();
    this.#life = null;
    this.#clock.after(Math.ceil(this.#random.life.next() * restartWithinMs), () => this.#startLife());
  }

  /** A person changes how many nodes there are to be, and starts the supervisor on that. */
  #scale(random: Random): void {
    const { nodes } = this.#options;
    const most = Math.max(1, Math.round(nodes * mostScaled));
    const replicas = Math.max(1, nodes - most + Math.floor(random.next() * (2 * most + 1)));
    this.#note(`scaled to ${replicas}`);
    this.#config = { ...this.#config, pools: this.#config.pools.map((pool) => ({ ...pool, replicas })) };
    this.#kill();
  }

  /** What must not last is looked at. */
  #audit(): void {
    this.#auditor.tick(this.#life);
    this.#controlPlane?.people(this.#quorumState());
    this.#clock.after(auditMs, () => this.#audit());
  }

  #onNode(name: string): void {
    this.#changed = true;
    this.#auditor.nodeChanged(name);
    const slot = this.#life?.supervisor.fleet.slotOfNode(name);
    if (slot !== undefined) this.#touched.add(slot);
    if (!this.#world.api.nodes.has(name)) this.#personCordons.delete(name);
  }

  #onUp(id: string, isUp: boolean): void {
    this.#changed = true;
    const tags = this.#world.cloud.machines.get(id)?.instance.tags;
    if (tags?.[cloudTags.cluster] === this.#config.cluster)
      this.#outcome.stands(tags[cloudTags.slot] ?? '', isUp, this.#clock.now());
  }

  #strike(until: number): void {
    if (this.#clock.now() >= until) return;
    this.#strikes += 1;
    const { only } = this.#options;
    const kind = pick(this.#random.faults, this.#swarm.kinds);
    const random = seededRandom(Math.floor(this.#random.faults.next() * 2 ** 32));
    if (kind !== undefined && (only === undefined || only.includes(this.#strikes))) {
      this.#outcome.inflicted(kind, this.#clock.now());
      this.#striker.inflict(this.#strikes, kind, random);
    }
    this.#clock.after(drawGap(this.#random.faults, this.#swarm.meanGapMs), () => this.#strike(until));
  }

  #calm(): void {
    this.#note('faults are over');
    this.#striker.calm();
  }

  #onEffect({ call, id, token }: CloudEffect): void {
    const instance = this.#world.cloud.machines.get(id)?.instance;
    this.#outcome.acted(call);
    const slot = instance?.tags[cloudTags.slot] ?? '';
    this.#note(`${call} of ${id} takes effect`, slot);
    const counted = call !== 'runCommand' && call !== 'setUserData' && call !== 'stop' && call !== 'start';
    const isQuorums = this.#isQuorums(call, slot);
    const deeds = counted && !isQuorums ? this.#attempts.get(slot)?.deeds : undefined;
    const times = (deeds?.get(call) ?? 0) + 1;
    deeds?.set(call, times);
    const deed = {
      call,
      instance: id,
      ours:
        instance?.tags[cloudTags.cluster] === this.#config.cluster ||
        this.#clock.now() - (this.#world.cloud.retaggedAt.get(id) ?? Number.NEGATIVE_INFINITY) < tagNewsMs,
      times,
    };
    const quorum =
      (this.#controlPlane?.quorumStoodFor(id) ?? 0) < slowestCallMs
        ? null
        : (this.#world.masters?.quorumWithout(id) ?? null);
    // With the data in and nobody served, a master that takes no command is rebooted: only so is anybody served again.
    const mayGo = isQuorums && this.#isRecovering() && this.#world.masters?.serving === null;
    if (quorum !== null && !mayGo) this.#judge(1, quorumStands({ call, instance: id, ...quorum }));
    this.#judge(4, atMostOnce(deed));
    this.#judge(5, onlyOurs(deed));
    if (!isQuorums) this.#auditor.deed(this.#life, { call, id, token });
  }

  /** The quorum's actor and its recovery boot and make masters too, while no ladder is at work on that one: no node's attempt did that. */
  #isQuorums(call: string, slot: string): boolean {
    if (!slot.startsWith('control-plane-')) return false;
    const state = this.#quorumState();
    const [reviving, restoring] = [state.startsWith('lost.reviving'), this.#isRecovering()];
    if (
      !(reviving && /^(reboot|start)$/.test(call)) &&
      !(restoring && /^(runInstance|deleteInstance|reboot|start)$/.test(call))
    )
      return false;
    return !/\.(acting|removing)$/.test(this.#life?.supervisor.fleet.get(slot)?.state ?? '');
  }

  /** It goes on while the quorum's actor, which has waited for long enough, rests. */
  #isRecovering(): boolean {
    const state = this.#life === null ? null : newestRecovery(this.#life.runtime);
    return state !== null && !/^(recovered|failed)$/.test(state);
  }

  #onTransition(transition: Transition): void {
    const { before, after, event } = transition;
    const [from, to] = [
      before === null ? '' : statePath(before.snapshot.value),
      statePath(after.snapshot.value),
    ];
    const slot = after.machine === 'node' ? after.id.slice('node/'.length) : null;
    this.#changed = true;
    if (slot !== null) this.#touched.add(slot);
    if (after.machine === 'quorum') this.#touched.add('quorum');
    for (const { attempt, src } of after.effects)
      if (slot !== null && src !== 'requestPermit' && src !== 'reportTrouble') this.#begins(slot, attempt);
    if (slot !== null)
      this.#outcome.permit(slot, nodeActor(after).context.permit !== null, this.#clock.now());
    if (this.#life !== null) this.#auditor.moved(this.#life, before, after);
    if (from === to) return;
    this.#note(
      `${slot === null ? `${after.id}: ` : ''}${from || 'nothing'} → ${to} (${eventInWords(event)})`,
      slot,
    );
    const because =
      after.machine === 'quorum' ? this.#life?.supervisor.controlPlane?.context()?.because : null;
    if (because != null && /undecided|restoring|throttled/.test(to)) this.#note(`quorum: ${because}`);
    if (slot !== null) this.#outcome.moved(slot, to);
    if (slot !== null) this.#striker.moved(slot, from, to);
    if (this.#life !== null && after.machine === 'node') {
      const beginning = beginningOf(
        this.#life,
        after,
        to,
        this.#life.clock.now(),
        this.#config.supervisor.leaseSilentMs,
      );
      if (beginning !== null) this.#judge(3, onlyOnTheFailed(beginning));
    }
  }

  #begins(slot: string, attempt: string): void {
    if (this.#attempts.get(slot)?.attempt !== attempt)
      this.#attempts.set(slot, { attempt, deeds: new Map() });
  }

  #afterStep(): void {
    if (this.#crashed !== null) this.#kill();
    if (this.#life === null || this.#touched.size === 0) return;
    const moment = momentOf(
      this.#life,
      this.#world.api,
      this.#budgets(),
      this.#personCordons,
      this.#touched,
      this.#clock.now(),
    );
    this.#touched.clear();
    this.#judge(2, withinBudgets(moment));
    this.#judge(6, cordonsAsTheyShould(moment));
  }

  /** An invariant, by its number, has been looked at. The first violation ends the run. */
  #judge(invariant: Violation['invariant'], violations: readonly Violation[]): void {
    this.#outcome.checked(String(invariant));
    const [first] = violations;
    if (first === undefined || this.#violation !== null) return;
    this.#violation = first;
    this.#note(`VIOLATION of invariant ${first.invariant}: ${first.what}`);
  }

  /** A pool that was scaled down has a smaller budget, and those who hold permits of the larger one keep them. */
  #budgets(): ReadonlyMap<string, number> {
    const wanted = budgetsOf(this.#config);
    const held = this.#life?.supervisor.fleet.permits().size ?? 0;
    if (held > 0)
      for (const [pool, limit] of wanted) wanted.set(pool, Math.max(limit, this.#allowed.get(pool) ?? 0));
    this.#allowed = wanted;
    return wanted;
  }

  /** The slots that people want now. */
  #wanted(): readonly string[] {
    const { masters = 0 } = this.#options;
    return [{ id: 'control-plane', replicas: masters }, ...this.#config.pools].flatMap(({ id, replicas }) =>
      Array.from({ length: replicas }, (_, index) => `${id}-${index}`),
    );
  }

  #ending() {
    const slots = this.#wanted();
    const up = new Set<string>();
    const instances: string[] = [];
    for (const machine of this.#world.cloud.machines.values()) {
      const { tags } = machine.instance;
      const slot = tags[cloudTags.slot] ?? '';
      if (tags[cloudTags.cluster] !== this.#config.cluster) continue;
      instances.push(slot);
      if (this.#world.life.isUp(machine)) up.add(slot);
    }
    const healthy = slots.filter(
      (slot) => up.has(slot) && this.#life?.supervisor.fleet.get(slot)?.state === 'healthy',
    );
    const orphans = [...this.#world.api.nodes.keys()].filter((name) => {
      const id = instanceIdOf(name) ?? '';
      return !this.#world.cloud.machines.has(id) && !this.#foreign.has(id);
    });
    return { slots, healthy, instances, orphans };
  }

  #quorumState(): string {
    const record = this.#life?.runtime.record(actorIds.quorum);
    return record === undefined ? 'unknown' : statePath(record.snapshot.value);
  }

  /** Masters whose member does not vote, or an API that is not served. */
  #unvoting(): readonly Violation[] {
    if (this.#controlPlane === null) return [];
    return allVote({
      masters: mastersOf(this.#options),
      voting: this.#controlPlane.voting(),
      served: this.#world.masters?.serving != null,
      quorum: this.#quorumState(),
    });
  }

  #isHealed(): boolean {
    if (this.#unvoting().length > 0) return false;
    if (!this.#changed || this.#life === null || this.#life.supervisor.fleet.busy().size > 0) return false;
    this.#changed = false;
    const ending = this.#ending();
    return [...allHealed(ending), ...nothingLeaked(ending), ...nothingOrphaned(ending)].length === 0;
  }
}
