import { span, table } from '../../src/cli/table.ts';
import type { ScenarioResult } from './scenario.ts';

/** One scenario, as it is printed when it ends. */
export function resultLines(result: ScenarioResult): readonly string[] {
  const { ok, scenario, fault, rungs, faultToReadyMs, ownMs, measured, failures } = result;
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const lines = [
    `${ok ? 'ok    ' : 'FAILED'} ${scenario}`,
    `    fault   ${fault}`,
    `    rungs   ${rungs.map(({ rung, atMs, tookMs }) => `${rung} at ${seconds(atMs)}${tookMs === null ? '' : ` for ${seconds(tookMs)}`}`).join(', ') || 'none'}`,
  ];
  if (faultToReadyMs !== null) lines.push(`    Ready   ${seconds(faultToReadyMs)} after the fault`);
  if (ownMs !== null) lines.push(`    own     ${ownMs} ms of that were wdrip's`);
  for (const [name, value] of Object.entries(measured)) if (value !== '') lines.push(`    ${name}: ${value}`);
  for (const failure of failures) lines.push(`    NOT AS IT SHOULD BE: ${failure}`);
  return lines;
}

/** The table at the end. */
export function summary(results: readonly ScenarioResult[]): string {
  const rows = results.map(({ group, scenario, ok, rungs, faultToReadyMs, ownMs }) => [
    ok ? 'ok' : 'FAILED',
    group,
    scenario,
    faultToReadyMs === null ? '-' : span(faultToReadyMs),
    ownMs === null ? '-' : `${ownMs} ms`,
    rungs.map(({ rung }) => rung).join(' ') || '-',
  ]);
  return table(['', 'GROUP', 'SCENARIO', 'READY AFTER', 'OWN TIME', 'RUNGS'], rows);
}
