import { Failure, toFailure } from '../failure.ts';
import type { Actor, Mail } from './actor.ts';
import type { Clock } from './clock.ts';
import type { EffectRecord, Json } from './record.ts';
import type { ActorEvent, Effect, EffectContext } from './types.ts';

/** The effects that run in this process. What they come to goes back to their actors as mail. */
export interface RunningEffects {
  /** Starts what the durable record wants and does not run yet, and aborts what runs and is no longer wanted. */
  reconcile(actor: Actor, wanted: readonly EffectRecord[]): void;
  abortAll(actor: Actor, why: Failure): void;
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
    const controller = new AbortController();
    actor.running ??= new Map();
    actor.running.set(attempt, controller);
    const end = (event: ActorEvent) => {
      // It stays among the running ones until its end is durable, or the next commit of its actor would start it again.
      if (controller.signal.aborted || !isOpen()) return;
      post(actor, { kind: 'end', attempt, event });
    };
    run(actor, record, controller.signal).then(
      (output) => end({ type: `xstate.done.actor.${id}`, output: output ?? null, actorId: id }),
      (caught) => {
        const { kind, code, message } = toFailure(caught);
        end({ type: `xstate.error.actor.${id}`, error: { kind, code, message }, actorId: id });
      },
    );
  }

  async function run(actor: Actor, record: EffectRecord, signal: AbortSignal): Promise<Json> {
    const { src, input, attempt, progress } = record;
    const effect = effects[src];
    if (!effect) throw refusal('UnknownEffect', `there is no effect ${src}`);
    const checkpoint = (reached: Json) =>
      new Promise<void>((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const done = (failure?: Failure) => (failure ? reject(failure) : resolve());
        post(actor, { kind: 'checkpoint', attempt, progress: reached, done });
      });
    const context: EffectContext = { actor: actor.id, attempt, signal, clock, progress, checkpoint };
    return effect(input, context);
  }

  return {
    reconcile(actor, wanted) {
      for (const [attempt, controller] of actor.running ?? []) {
        if (wanted.some((effect) => effect.attempt === attempt)) continue;
        forget(actor, attempt);
        controller.abort(attemptIsOver(attempt));
      }
      if (!isOpen()) return;
      for (const effect of wanted) if (!actor.running?.has(effect.attempt)) start(actor, effect);
    },
    abortAll(actor, why) {
      const running = actor.running;
      actor.running = null;
      for (const controller of running?.values() ?? []) controller.abort(why);
    },
  };
}

/** Why an effect that is not wanted any more can't go on. */
export function attemptIsOver(attempt: string): Failure {
  return refusal('AttemptOver', `attempt ${attempt} is over: its actor has moved on`);
}

export function refusal(code: string, message: string): Failure {
  return new Failure({ kind: 'rejected', code, message });
}
