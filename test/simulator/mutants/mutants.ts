import { acting } from './acting.ts';
import { deciding } from './deciding.ts';
import type { Mutant } from './mutant.ts';

/** All that are planted, one at a time. */
export const mutants: readonly Mutant[] = [...deciding, ...acting];
