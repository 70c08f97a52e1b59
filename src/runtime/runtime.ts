import { hash } from 'node:crypto';
import { toFailure } from '../failure.ts';
import { without } from './actions.ts';
import { type Actor, type Mail, newActor } from './actor.ts';
import type { Batch } from './batch.ts';
import { createCommitter } from './committer.ts';
import { createDeadlines } from './deadlines.ts';
import { createQueue } from './queue.ts';
import { systemRandom } from './random.ts';
import type { ActorRecord, Json } from './record.ts';
import { faultsOf } from './registration.ts';
import { restoreRecords } from './restore.ts';
import { attemptIsOver, createRunningEffects, refusal } from './running.ts';
import { firstStep, nextStep, type RegisteredMachine, registerMachine, type Step } from './step.ts';
import type { ActorEvent, Runtime, RuntimeOptions, SendResult, Transition } from './types.ts';

/** Events of one actor that may wait. Ours hear of changes only, so that more than a few means that something is wrong. */
const MAILBOX_LIMIT = 256;
/** Transitions of one commit: enough to make the flush cheap (1 µs each), few enough to block the process for only some 10 ms. */
const BATCH_LIMIT = 1_024;
/** Hexadecimal digits of an attempt id: 160 bits, and within the 64 characters of a ClientToken. */
const ATTEMPT_LENGTH = 40;
/** Longest actor id, in UTF-8 bytes: the store's keys have a limit (1,978 bytes in lmdb). */
const LONGEST_ID = 512;

const nothing = Promise.resolve();

/** Durable actors; see types.ts, and design.md section 3 for the order of things. */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { store, clock, effects, random = systemRandom, log = () => {} } = options;
  const mailboxLimit = options.limits?.mailbox ?? MAILBOX_LIMIT;
  const batchLimit = options.limits?.batch ?? BATCH_LIMIT;
  const machines = register(options);
  const actors = new Map<string, Actor>();
  const quarantine = new Map<string, string>();
  const listeners = new Set<(transition: Transition) => void>();
  const ready = createQueue<Actor>();
  const idlers: { resolve: () => void; reject: (failure: unknown) => void }[] = [];
  let phase: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  let isWoken = false;
  // Never the same again, so that an actor that is removed and spawned anew does not use its namesake's attempt ids: what was done
  // once under an id would count as done already.
  const life = random.hex(8);
  let attempts = 0;
  const attempt = (actor: string, sequence: number, invoke: string): string =>
    hash('sha256', `${life}\n${attempts++}\n${actor}\n${sequence}\n${invoke}`).slice(0, ATTEMPT_LENGTH);
  const kindOf = (src: string) => (src in effects ? 'effect' : machines.has(src) ? 'machine' : undefined);
  const tools = () => ({ now: clock.now(), attempt, kindOf });

  const committer = createCommitter({
    store,
    clock,
    log,
    onDurable(batch) {
      release(batch);
      pump();
    },
    onGivenUp(failure) {
      phase = 'stopped';
      for (const { reject } of idlers.splice(0)) reject(failure);
    },
  });
  const deadlines = createDeadlines<Actor>({
    clock,
    isCurrent: ({ owner, id, due }) => owner.state === 'alive' && owner.record.deadlines[id] === due,
    fire: ({ owner, id, due }) => post(owner, { kind: 'due', id, due }),
  });

  const running = createRunningEffects({ effects, clock, post, isOpen: () => phase === 'running' });

  /** Puts mail into a mailbox and sees to it that it is taken out. */
  function post(actor: Actor, mail: Mail): void {
    if (actor.mailbox) actor.mailbox.push(mail);
    else {
      actor.mailbox = [mail];
      ready.add(actor);
    }
    wake();
  }

  function wake(): void {
    if (isWoken || phase === 'stopped') return;
    isWoken = true;
    // Not queueMicrotask: of Node's hooks it makes a resource each time, which costs more than most turns.
    nothing.then(() => {
      isWoken = false;
      pump();
    });
  }

  /** Computes the transitions of whoever has mail, as far as a batch allows, and sends the batch on its way. */
  function pump(): void {
    if (phase === 'new' || phase === 'stopped') return;
    let count = 0;
    // Ignored events write nothing and cost time all the same, so that turns are counted too.
    while (committer.open.transitions.length < batchLimit && count < batchLimit) {
      const actor = ready.take();
      if (!actor) break;
      count += 1;
      takeTurn(actor);
    }
    committer.flush();
    if (!committer.isIdle) return;
    if (ready.isEmpty) for (const { resolve } of idlers.splice(0)) resolve();
    else wake();
  }

  /** Takes one letter out of an actor's mailbox. */
  function takeTurn(actor: Actor): void {
    const mail = actor.mailbox?.shift();
    if (mail && actor.state === 'alive') {
      try {
        take(actor, mail);
      } catch (caught) {
        putInQuarantine(actor, caught);
      }
    }
    if (mail?.kind === 'checkpoint' && actor.state !== 'alive') mail.done(attemptIsOver(mail.attempt));
    if (actor.mailbox && actor.mailbox.length > 0) ready.add(actor);
    else actor.mailbox = null;
  }

  function take(actor: Actor, mail: Mail): void {
    const { record } = actor;
    switch (mail.kind) {
      case 'event':
        stepWith(actor, mail.event, record);
        break;
      case 'due':
        // The actor may have called it off, or waited anew, since it fired.
        if (record.deadlines[mail.id] !== mail.due) break;
        stepWith(actor, { type: mail.id }, { ...record, deadlines: without(record.deadlines, mail.id) });
        break;
      case 'end': {
        const left = record.effects.filter((effect) => effect.attempt !== mail.attempt);
        if (left.length < record.effects.length) stepWith(actor, mail.event, { ...record, effects: left });
        break;
      }
      case 'checkpoint': {
        const { attempt, progress, done } = mail;
        if (!record.effects.some((effect) => effect.attempt === attempt)) {
          done(attemptIsOver(attempt));
          break;
        }
        const reached = record.effects.map((effect) =>
          effect.attempt === attempt ? { ...effect, progress } : effect,
        );
        put(actor, { ...record, effects: reached });
        committer.open.whenDurable.push(() => done());
      }
    }
  }

  /** `from` is the actor's record without the wait or the effect that the event came from. */
  function stepWith(actor: Actor, event: ActorEvent, from: ActorRecord): void {
    const before = actor.record;
    const using = tools();
    const step = nextStep(actor.machine, from, event, using);
    if (!step && from === before) return;
    const after = step ? step.record : { ...from, sequence: from.sequence + 1 };
    if (step) for (const request of step.spawned) admit(request.id, request.machine, request.input);
    put(actor, after);
    committer.open.transitions.push({ actor: actor.id, at: using.now, event, before, after });
  }

  function put(actor: Actor, record: ActorRecord): void {
    actor.record = record;
    committer.open.records.set(actor, record);
  }

  /** Lets a new actor in, with all that it spawns itself; an id that is taken stays as it is. */
  function admit(id: string, machine: string, input: Json): void {
    if (actors.has(id)) return;
    const { actor, step, at } = create(id, machine, input);
    actors.set(id, actor);
    put(actor, step.record);
    const event = { type: 'xstate.init', input };
    committer.open.transitions.push({ actor: id, at, event, before: null, after: step.record });
    for (const request of step.spawned) admit(request.id, request.machine, request.input);
  }

  function create(id: string, name: string, input: Json): { actor: Actor; step: Step; at: number } {
    const machine = machines.get(name);
    if (!machine) throw refusal('UnknownMachine', `actor ${id}: there is no machine ${name}`);
    const bytes = Buffer.byteLength(id);
    if (bytes === 0 || bytes > LONGEST_ID) {
      throw refusal('BadActorId', `an actor's id has 1 to ${LONGEST_ID} bytes, this one has ${bytes}`);
    }
    const using = tools();
    const step = firstStep(machine, id, input, using);
    return { actor: newActor(machine, step.record, null), step, at: using.now };
  }

  function putInQuarantine(actor: Actor, caught: unknown): void {
    const why = toFailure(caught).message;
    actor.state = 'quarantined';
    quarantine.set(actor.id, why);
    log('error', `actor ${actor.id} is quarantined: ${why}`, {
      actor: actor.id,
      machine: actor.machine.name,
    });
    running.abortAll(actor, () => refusal('Quarantined', `actor ${actor.id} is quarantined`));
  }

  /** The batch is durable: what waited for that may happen now. */
  function release(batch: Batch): void {
    if (listeners.size > 0) for (const transition of batch.transitions) tell(transition);
    for (const [actor, record] of batch.records) {
      const before = actor.durable;
      actor.durable = record;
      if (!record || actor.state !== 'alive') continue;
      if (record.deadlines !== before?.deadlines) {
        for (const [id, due] of Object.entries(record.deadlines)) {
          if (before?.deadlines[id] !== due) deadlines.arm(actor, id, due);
        }
      }
      if (record.effects !== before?.effects) running.reconcile(actor, record.effects);
    }
    deadlines.settle();
    for (const tellWaiter of batch.whenDurable) tellWaiter();
  }

  function tell(transition: Transition): void {
    for (const listener of listeners) {
      try {
        listener(transition);
      } catch (caught) {
        log('error', `a listener failed: ${toFailure(caught).message}`, { actor: transition.actor });
      }
    }
  }

  function idle(): Promise<void> {
    if (phase === 'stopped') return Promise.resolve();
    return new Promise((resolve, reject) => {
      idlers.push({ resolve, reject });
      wake();
    });
  }

  function restart({
    machine,
    record,
  }: {
    readonly machine: RegisteredMachine;
    readonly record: ActorRecord;
  }): void {
    const actor = newActor(machine, record, record);
    actors.set(record.id, actor);
    for (const id in record.deadlines) deadlines.arm(actor, id, record.deadlines[id] ?? 0);
  }

  return {
    async start() {
      if (phase !== 'new') throw refusal('AlreadyStarted', 'a runtime is started once');
      const restored = await restoreRecords(store, machines, clock.now());
      phase = 'running';
      let [waits, unended] = [0, 0];
      for (const found of restored.actors) restart(found);
      for (const { record } of restored.actors) {
        for (const _ in record.deadlines) waits += 1;
        unended += record.effects.length;
        const actor = actors.get(record.id);
        if (actor && record.effects.length > 0) running.reconcile(actor, record.effects);
      }
      deadlines.settle();
      for (const { actor: id, why } of restored.setAside) {
        log('error', `the record of ${id} was set aside: ${why}`, { actor: id });
        const anew = options.onSetAside?.(id);
        if (anew) admit(id, anew.machine, anew.input);
      }
      pump();
      const { migrated, clockBackMs, setAside } = restored;
      if (clockBackMs > 0)
        log(
          'warn',
          'the clock of this machine was set back: all times in the records were moved back with it',
          {
            clockBackMs,
          },
        );
      const counts = { actors: restored.actors.length, deadlines: waits, effects: unended };
      return { ...counts, migrated, clockBackMs, setAside };
    },
    async stop() {
      if (phase === 'stopped') return;
      const wasRunning = phase === 'running';
      phase = 'stopping';
      deadlines.stop();
      for (const actor of actors.values())
        running.abortAll(actor, () => refusal('Stopped', 'the runtime stops'));
      if (wasRunning) {
        const drained = idle();
        committer.giveUpOnFailure();
        await drained;
      }
      phase = 'stopped';
    },
    async spawn(id, machine, input) {
      if (phase !== 'running')
        throw refusal('NotRunning', `actor ${id} can't be spawned: the runtime does not run`);
      const isNew = !actors.has(id);
      admit(id, machine, input);
      await durable();
      return isNew ? 'spawned' : 'exists';
    },
    send(id, event): SendResult {
      if (phase !== 'running') return 'stopped';
      const actor = actors.get(id);
      if (!actor) return 'unknownActor';
      if (actor.state === 'quarantined') return 'quarantined';
      if (committer.stalled) return 'stalled';
      if (actor.mailbox && actor.mailbox.length >= mailboxLimit) return 'mailboxFull';
      post(actor, { kind: 'event', event });
      return 'accepted';
    },
    record: (id) => actors.get(id)?.durable ?? undefined,
    ids: () => [...actors.keys()],
    quarantined: () => quarantine,
    stalled: () => committer.stalled,
    async remove(id) {
      if (phase !== 'running')
        throw refusal('NotRunning', `actor ${id} can't be removed: the runtime does not run`);
      const actor = actors.get(id);
      if (!actor) return;
      actors.delete(id);
      quarantine.delete(id);
      actor.state = 'removed';
      committer.open.records.set(actor, null);
      await durable();
      running.abortAll(actor, () => refusal('Removed', `actor ${id} was removed`));
    },
    onTransition(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    idle,
  };

  /** Resolves when all that was put so far is durable. */
  function durable(): Promise<void> {
    return new Promise((resolve) => {
      committer.open.whenDurable.push(resolve);
      wake();
    });
  }
}

/** Those that were found sound, with the names of the effects they were held to: a simulation starts the runtime many times. */
const sound = new WeakMap<
  RuntimeOptions['machines'],
  { readonly effects: string; readonly registered: ReadonlyMap<string, RegisteredMachine> }
>();

/** Refuses a machine that XState would run and that would still go wrong. */
function register({ machines, effects }: RuntimeOptions): ReadonlyMap<string, RegisteredMachine> {
  const effectNames = Object.keys(effects).join();
  const before = sound.get(machines);
  if (before?.effects === effectNames) return before.registered;
  const known = new Set([...Object.keys(machines), ...Object.keys(effects)]);
  const both = Object.keys(machines).filter((name) => name in effects);
  const faults = [
    ...both.map((name) => `${name} is a machine and an effect`),
    ...Object.entries(machines).flatMap(([name, entry]) => faultsOf(name, entry, known)),
  ];
  if (faults.length > 0) throw refusal('BadMachine', faults.join('\n'));
  const registered = new Map(
    Object.entries(machines).map(([name, entry]) => [name, registerMachine(name, entry)]),
  );
  sound.set(machines, { effects: effectNames, registered });
  return registered;
}
