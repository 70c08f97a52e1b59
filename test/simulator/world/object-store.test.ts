import { beforeEach } from '@jest/globals';
import type { Misfortune } from '../../../src/simulator/world/calls.ts';
import { createObjectStorage, type ObjectCall } from '../../../src/simulator/world/object-store.ts';
import { type Kind, objectStoreContract, type Tested } from '../../backup/objects/contract.ts';
import { hastyClock } from '../../backup/objects/hasty-clock.ts';

interface Fault {
  readonly kind: Kind;
  left: number;
  readonly fate: Misfortune;
}

/** The simulator tells no beginning of an upload from other small requests. */
const kindOf = ({ action }: ObjectCall): Kind => (action === 'other' ? 'begin' : action);

let tested: Tested;

beforeEach(() => {
  const faults: Fault[] = [];
  const misfortune = (call: ObjectCall): Misfortune | null => {
    const fault = faults.find(({ kind, left }) => kind === kindOf(call) && left > 0);
    if (fault === undefined) return null;
    fault.left -= 1;
    return fault.fate;
  };
  const storage = createObjectStorage({ clock: hastyClock(), misfortune });
  storage.createBucket('r', 'plain');
  storage.createBucket('r', 'versioned', { versioning: 'enabled' });
  storage.createBucket('r', 'immutable', { worm: { days: 1, locked: true } });
  tested = {
    plain: storage.open('r', 'plain'),
    other: storage.open('r', 'plain'),
    versioned: storage.open('r', 'versioned'),
    immutable: storage.open('r', 'immutable'),
    missing: storage.open('r', 'missing'),
    failNext: (kind, left) => void faults.push({ kind, left, fate: { how: 'error', afterEffect: false } }),
    loseNext: (kind) => void faults.push({ kind, left: 1, fate: { how: 'lost', afterEffect: true } }),
    breakReads: (_, left) =>
      void faults.push({ kind: 'get', left, fate: { how: 'error', afterEffect: true } }),
    async seed(keys) {
      for (const key of keys) await tested.plain.put(key, Buffer.from(key));
    },
    damage: async (key, at) => storage.damage('r', 'plain', key, at),
  };
});

objectStoreContract('in memory', () => tested);
