import { randomBytes } from 'node:crypto';

/** Chance, injected. This file is the only one in `src/` that draws random numbers (a test holds everybody to it). */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `bytes` random bytes as lower-case hex: names, tokens and keys. */
  hex(bytes: number): string;
}

/** Unpredictable numbers from the system, good enough for secrets. */
export const systemRandom: Random = {
  next: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};

/**
 * The same numbers for the same seed, on every machine: mulberry32. Never for secrets.
 * Source: Tommy Ettinger's mulberry32 (public domain), 32 bits of state, period 2^32.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (bytes: number) =>
    Array.from({ length: bytes }, () =>
      Math.floor(next() * 256)
        .toString(16)
        .padStart(2, '0'),
    ).join('');
  return { next, hex };
}
