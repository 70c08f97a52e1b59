/** Anything that JSON can hold. What crosses the border of a record, an effect or an event is this. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One piece of an actor's work that was started and has not ended. */
export type EffectRecord = {
  /** The invoke's id in the machine. */
  readonly id: string;
  /** Name of the effect (the invoke's `src`). */
  readonly src: string;
  readonly input: Json;
  /** Stable over restarts, at most 64 ASCII characters, and never used for anything else: fit for a ClientToken. */
  readonly attempt: string;
  /** What the effect wrote down with `checkpoint`, to be read when it is started again after a crash. */
  readonly progress: Json;
};

/** An actor IS this record: whatever is not in it does not survive. */
export type ActorRecord = {
  readonly id: string;
  /** Name and version of the machine that wrote it. */
  readonly machine: string;
  readonly version: number;
  /** Counts the actor's transitions, from 0. Never goes back. */
  readonly sequence: number;
  readonly snapshot: {
    readonly value: Json;
    readonly context: Json;
    readonly status: 'active' | 'done';
    readonly historyValue?: Json;
  };
  /** When the state value last changed, in epoch ms. */
  readonly since: number;
  /** By the id of the delayed event (`xstate.after.<delay>.<state>`): when it is due, in epoch ms. */
  readonly deadlines: Readonly<Record<string, number>>;
  readonly effects: readonly EffectRecord[];
};
