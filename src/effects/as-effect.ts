import type { Json } from '../runtime/record.ts';
import type { Effect, EffectContext } from '../runtime/types.ts';

/** An effect in its own types. */
export type TypedEffect<T extends { readonly input: object; readonly output: object }> = (
  input: T['input'],
  context: EffectContext,
) => Promise<T['output']>;

/**
 * The border between the runtime's JSON and an effect's own types. The input was made by the machine's `input` function, and the output is
 * what its actions read, both of the same types, so each is what it says.
 */
export function asEffect<T extends { readonly input: object; readonly output: object }>(
  effect: TypedEffect<T>,
): Effect {
  return async (input, context) => (await effect(input as unknown as T['input'], context)) as unknown as Json;
}
