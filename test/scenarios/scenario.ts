import type { RungTaken } from './story.ts';

/** What came of a scenario, as `--json` writes it. */
export interface ScenarioResult {
  readonly group: string;
  readonly scenario: string;
  readonly ok: boolean;
  /** What was done to the cluster, for people. */
  readonly fault: string;
  /** From the fault to the node's Ready at the Kubernetes API, in ms; null where it does not apply or never came. */
  readonly faultToReadyMs: number | null;
  /** wdrip's own part of that: docs/e2e.md. In ms. */
  readonly ownMs: number | null;
  readonly rungs: readonly { readonly rung: string; readonly atMs: number; readonly tookMs: number | null }[];
  /** Whatever else was measured; names end in their unit. */
  readonly measured: Readonly<Record<string, number | string | boolean>>;
  /** What was not as it should be. */
  readonly failures: readonly string[];
}

/** Collects what is not as it should be, so that one scenario can name all of it. */
export interface Checks {
  /** `seen` is shown when `ok` is false. */
  that(what: string, ok: boolean, seen?: unknown): void;
  equal(what: string, seen: unknown, expected: unknown): void;
  readonly failures: readonly string[];
}

export function createChecks(): Checks {
  const failures: string[] = [];
  const that = (what: string, ok: boolean, seen?: unknown) => {
    if (!ok) failures.push(seen === undefined ? what : `${what}; seen: ${JSON.stringify(seen)}`);
  };
  return {
    failures,
    that,
    equal: (what, seen, expected) => {
      if (JSON.stringify(seen) !== JSON.stringify(expected))
        failures.push(`${what}: expected ${JSON.stringify(expected)}, and saw ${JSON.stringify(seen)}`);
    },
  };
}

/** Rungs with their times from the fault on. */
export function rungsSince(faultAt: number, taken: readonly RungTaken[]): ScenarioResult['rungs'] {
  return taken.map(({ rung, at, leftAt }) => ({
    rung,
    atMs: at - faultAt,
    tookMs: leftAt === null ? null : leftAt - at,
  }));
}
