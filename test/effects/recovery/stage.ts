import { cloudTags } from '../../../src/cloud/port.ts';
import type { EffectContext } from '../../../src/runtime/types.ts';
import { createVirtualClock } from '../../../src/runtime/virtual-clock.ts';

/** A step of a recovery that is begun for the first time. */
export function firstTry(): EffectContext {
  return {
    actor: 'recovery/1',
    attempt: 'a',
    signal: new AbortController().signal,
    clock: createVirtualClock(),
    progress: null,
    checkpoint: async () => {},
  };
}

export const source = { kind: 'backup', key: 'b', region: 'r', revision: 1, passedOver: [] } as const;

/** Every instance is one of the cluster `c`. */
export const cloud = {
  findInstance: async (id: string) => ({
    id,
    privateIp: '10.0.0.1',
    tags: { [cloudTags.cluster]: 'c' },
    locks: [],
  }),
};
