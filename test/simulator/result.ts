import type { InvariantId } from '../../src/simulator/invariants.ts';
import type { SimulationResult } from '../../src/simulator/outcome.ts';
import type { SimulationOptions } from '../../src/simulator/simulation.ts';

/** What a run of these options came to, with nothing in it but what is said. */
export function resultOf(
  options: Partial<SimulationOptions>,
  over: Partial<SimulationResult> = {},
): SimulationResult {
  return {
    options: { seed: 1, nodes: 5, hours: 1, zones: 2, ...options },
    simulatedMs: 3_600_000,
    swarm: { kinds: ['blip'], meanGapMs: 1_000 },
    violation: null,
    story: [],
    events: 10,
    digest: 'd',
    upMs: 18_000_000,
    nodesMs: 18_000_000,
    repairs: [],
    actions: {},
    checks: {},
    faults: {},
    faultsDrawn: 0,
    lastFaultMs: 0,
    crashes: 0,
    crashesInCommit: 0,
    crashesRestoring: 0,
    permitMs: 0,
    budgetMs: 3_600_000,
    ...over,
  };
}

/** A violation of an invariant, by its number. */
export function violationOf(invariant: InvariantId, what = 'planted') {
  return { invariant, what, concerns: ['workers-1'] } as const;
}
