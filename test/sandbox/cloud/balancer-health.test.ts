import { expect, test } from '@jest/globals';
import { judge, type Verdict } from '../../../src/sandbox/cloud/balancer/health.ts';

const settings = { intervalMs: 1_000, timeoutMs: 1_000, healthyThreshold: 2, unhealthyThreshold: 3 };

function after(checks: string): readonly (string | null)[] {
  let verdict: Verdict = { health: null, against: 0 };
  return [...checks].map((check) => {
    verdict = judge(verdict, check === '+', settings);
    return verdict.health;
  });
}

test('the first check decides; from then on so many in a row must say the opposite', () => {
  expect(after('+---')).toEqual(['normal', 'normal', 'normal', 'abnormal']);
  expect(after('-++')).toEqual(['abnormal', 'abnormal', 'normal']);
  expect(after('+--+--')).toEqual(Array(6).fill('normal'));
});
