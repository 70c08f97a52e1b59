import { describe, expect, test } from '@jest/globals';
import { reportText } from '../../src/cli/simulate/report-text.ts';
import { Totals } from '../../src/simulator/report.ts';
import { Times } from '../../src/simulator/times.ts';
import { resultOf, violationOf } from './result.ts';

function counted(...spans: readonly number[]) {
  const times = new Times();
  for (const ms of spans) times.add(ms);
  return times.data();
}

function filled(): Totals {
  const totals = new Totals();
  totals.add(
    resultOf(
      { seed: 7 },
      {
        repairs: [{ fault: 'needsReboot', rung: 'rebooting', times: counted(60_000, 120_000) }],
        actions: { reboot: 2 },
        checks: { 2: 100, 4: 2 },
        faults: { needsReboot: 2 },
        crashes: 1,
        permitMs: 360_000,
      },
    ),
  );
  totals.add(
    resultOf(
      { seed: 8 },
      {
        upMs: 9_000_000,
        repairs: [
          { fault: 'needsReboot', rung: 'resetting', times: counted(900_000) },
          { fault: 'needsReboot', rung: 'rebooting', times: counted(600_000) },
          { fault: 'blip', rung: 'none', times: counted(5_000) },
        ],
        checks: { 2: 100 },
        faults: { needsReboot: 2, blip: 1 },
      },
    ),
  );
  return totals;
}

describe('the report', () => {
  test('adds up runs of any number', () => {
    expect(filled().report()).toEqual({
      seeds: 2,
      simulatedHours: 2,
      nodeHours: 10,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      availability: 0.75,
      worst: { seed: 8, availability: 0.5 },
      faults: { blip: 1, needsReboot: 4 },
      repairs: [
        {
          fault: 'blip',
          rung: 'none',
          count: 1,
          medianMs: 5_000,
          p95Ms: 5_000,
          longestMs: 5_000,
          longestSeed: 8,
        },
        expect.objectContaining({
          fault: 'needsReboot',
          rung: 'rebooting',
          count: 3,
          longestMs: 600_000,
          longestSeed: 8,
        }),
        expect.objectContaining({ fault: 'needsReboot', rung: 'resetting', count: 1 }),
      ],
      actions: { reboot: 2 },
      crashes: 1,
      budgetUsed: 0.05,
      checks: { 2: 200, 4: 2 },
      failed: 0,
      failedBy: {},
      failures: [],
    });
  });

  test('for people', () => {
    expect(reportText(filled().report())).toBe(`2 seeds: 2 simulated hours, 10 node-hours, 5 faults
nodes were up for 75.00 % of the time; in the worst run (seed 8) for 50.00 %

FAULT        DEAREST RUNG  TIMES  MEDIAN  95 %  LONGEST  SEED
blip         (by itself)   1      5s      5s    5s       8
needsReboot  rebooting     3      2m1s    10m   10m      8
             resetting     1      15m     15m   15m      8

changes to instances: reboot 2
repairs used 5.00 % of what the budgets allow
the supervisor was killed once, and took up where it was

INVARIANT                                                  LOOKED AT
2          no more repairs at once than the budgets allow  200        held
4          an attempt takes effect at most once            2          held
`);
  });

  test('a violation is told last, with its story and the command that runs it again', () => {
    const totals = filled();
    const options = { seed: 9, hours: 3, faults: ['needsReboot', 'blip'] as const };
    totals.add(
      resultOf(options, { violation: violationOf(4), story: ['-0:00:05.000  a line'], checks: { 4: 1 } }),
    );
    const [failure] = totals.telling();
    expect(failure).toBeDefined();
    if (failure === undefined) return;
    const result = resultOf(
      { ...options, hours: 1, only: [4, 7] },
      { violation: violationOf(4, 'shorter'), story: ['a line'] },
    );
    totals.shorten(failure, { result, faults: 2, ofFaults: 31, runs: 20 });
    const text = reportText(totals.report());
    expect(text).toContain('BROKEN in 1 run\n');
    expect(
      text.endsWith(`
seed 9 breaks invariant 4: shorter
2 faults of 31 are enough (found in 20 runs)
  a line
run it again: wdrip simulate --seed 9 --nodes 5 --hours 1 --zones 2 --faults needsReboot,blip --only 4,7
`),
    ).toBe(true);
  });

  test('a run that throws is a failed run of its seed', () => {
    const totals = new Totals();
    totals.addDefect({ seed: 4, nodes: 5, hours: 1, zones: 2, masters: 3 }, 'Error: planted');
    expect(totals.report()).toMatchObject({ seeds: 1, failed: 1, failedBy: { defect: 1 }, availability: 1 });
    const text = reportText(totals.report());
    expect(text).toContain('seed 4 ended in a defect: Error: planted');
    expect(text).toContain(
      'run it again: wdrip simulate --seed 4 --nodes 5 --masters 3 --hours 1 --zones 2\n',
    );
  });

  test('of many failed runs the first are kept, and of each invariant the first is worth a search', () => {
    const totals = new Totals();
    for (let seed = 1; seed <= 50; seed++)
      totals.add(resultOf({ seed }, { violation: violationOf(seed % 2 === 0 ? 4 : 8) }));
    const report = totals.report();
    expect(report.failed).toBe(50);
    expect(report.failedBy).toEqual({ 4: 25, 8: 25 });
    expect(report.failures.map(({ seed }) => seed)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    expect(totals.telling().map(({ seed }) => seed)).toEqual([1, 2]);
    expect(reportText(report)).toContain('and 30 more failed runs');
  });
});
