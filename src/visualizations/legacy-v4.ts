import { asData, objectOf } from './machine-data.ts';

/** Keys of a config that XState 4 does not know. */
const onlyInV5 = ['options', 'output'];

/**
 * The config in the words of XState 4, for the legacy visualizer (stately.ai/viz), which would show every edge unguarded otherwise:
 * `guard` is `cond` there, and `reenter: true` is `internal: false`.
 */
export function legacyConfig(config: object): object {
  return { ...objectOf(renamed(asData(config))), predictableActionArguments: true };
}

function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, inner]): readonly (readonly [string, unknown])[] => {
    if (onlyInV5.includes(key)) return [];
    if (key === 'guard') return [['cond', inner]];
    if (key === 'reenter') return [['internal', inner !== true]];
    return [[key, renamed(inner)]];
  });
  return Object.fromEntries(entries);
}
