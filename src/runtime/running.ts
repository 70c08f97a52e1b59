import { setMaxListeners } from 'node:events';
import { Failure, toFailure } from '../failure.ts';
import type { Actor, Mail, RunningEffect } from './actor.ts';
import type { Clock } from './clock.ts';
import type { EffectRecord, Json } from './record.ts';
import type { ActorEvent, Effect, EffectContext } from './types.ts';

/** The effects that run in this process. What they come to goes back to their actors as mail. */
export interface RunningEffects {
  /** Starts what the durable record wants and does not run yet, and aborts what runs and is no longer wanted. */
  reconcile(actor: Actor, wanted: readonly EffectRecord[]): void;
  abortAll(actor: Actor, why: () => Failure): void;
}

export interface RunningOptions {
  readonly effects: Readonly<Record<string, Effect>>;
  readonly clock: Clock;
  readonly post: (actor: Actor, mail: Mail) => void;
  /** False while the runtime stops: nothing is started, and what ends is not heard. */
  readonly isOpen: () => boolean;
}

export function createRunningEffects({ effects, clock, post, isOpen }: RunningOptions): RunningEffects {
  function forget(actor: Actor, attempt: string): void {
    actor.running?.delete(attempt);
    if (actor.running?.size === 0) actor.running = null;
  }

  function start(actor: Actor, record: EffectRecord): void {
    const { id, attempt } = record;
    const running: RunningEffect = { controller: null, over: null, hasEnded: false };
    actor.running ??= new Map();
    actor.running.set(attempt, running);
    const end = (event: ActorEvent) => {
      running.hasEnded = true;
      // It stays among the running ones until its end is durable, or the next commit of its actor would start it again.
      if (running.over || !isOpen()) return;
      post(actor, { kind: 'end', attempt, event });
    };
    run(actor, record, running).then(
      (output) => end({ type: `xstate.done.actor.${id}`, output: output ?? null, actorId: id }),
      (caught) => {
        const { kind, code, message } = toFailure(caught);
        end({ type: `xstate.error.actor.${id}`, error: { kind, code, message }, actorId: id });
      },
    );
  }

  async function run(actor: Actor, record: EffectRecord, running: RunningEffect): Promise<Json> {
    const { src, input, attempt, progress } = record;
    const effect = effects[src];
    if (!effect) throw refusal('UnknownEffect', `there is no effect ${src}`);
    const context: EffectContext = {
      actor: actor.id,
      attempt,
      get signal() {
        return signalOf(running);
      },
      clock,
      progress,
      checkpoint: (reached) =>
        new Promise((resolve, reject) => {
          const done = (failure?: Failure) => (failure ? reject(failure) : resolve());
          if (running.over) done(running.over());
          else post(actor, { kind: 'checkpoint', attempt, progress: reached, done });
        }),
    };
    return effect(input, context);
  }

  return {
    reconcile(actor, wanted) {
      for (const [attempt, running] of actor.running ?? []) {
        if (wanted.some((effect) => effect.attempt === attempt)) continue;
        forget(actor, attempt);
        abort(running, () => attemptIsOver(attempt));
      }
      if (!isOpen()) return;
      for (const effect of wanted) if (!actor.running?.has(effect.attempt)) start(actor, effect);
    },
    abortAll(actor, why) {
      const running = actor.running;
      actor.running = null;
      for (const effect of running?.values() ?? []) abort(effect, why);
    },
  };
}

/** Made when it is first asked for: many effects never do, and it is dear. */
function signalOf(running: RunningEffect): AbortSignal {
  if (running.controller === null) {
    running.controller = new AbortController();
    // An effect may ask many at once, and each of its calls listens.
    setMaxListeners(0, running.controller.signal);
  }
  if (running.over && !running.controller.signal.aborted) running.controller.abort(running.over());
  return running.controller.signal;
}

function abort(running: RunningEffect, why: () => Failure): void {
  running.over = why;
  running.controller?.abort(running.hasEnded ? ended : why());
}

/** For whatever an effect that has ended left behind. Made once: an error with its stack is dear, and nearly every effect ends so. */
const ended = refusal('AttemptOver', 'the effect has ended');

/** Why an effect that is not wanted any more can't go on. */
export function attemptIsOver(attempt: string): Failure {
  return refusal('AttemptOver', `attempt ${attempt} is over: its actor has moved on`);
}

export function refusal(code: string, message: string): Failure {
  return new Failure({ kind: 'rejected', code, message });
}
