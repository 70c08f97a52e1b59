import type { Json } from '../../../runtime/record.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Params } from '../params.ts';
import type { World } from '../world.ts';

/** What an action is given. */
export interface ActionCall {
  readonly world: World;
  readonly lifecycle: Lifecycle;
  readonly params: Params;
}

/** What it answers: a body in the API's own form, without the RequestId, and whether anything changed. */
export interface ActionAnswer {
  readonly body: { readonly [key: string]: Json };
  readonly effect: boolean;
}

/** Does one action, and throws `ApiError` if it refuses. What it does to instances it does at once; the rest follows by itself. */
export type Action = (call: ActionCall) => ActionAnswer | Promise<ActionAnswer>;

/** An action as the gateway knows it. */
export interface ActionEntry {
  readonly run: Action;
  /** Takes a ClientToken. */
  readonly idempotent: boolean;
}
