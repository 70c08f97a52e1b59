import { expect, jest, test } from '@jest/globals';
import { wdrip } from '../cli/command.ts';

/** Half a minute on two free cores, and more beside other tests. */
jest.setTimeout(300_000);

/** Small clusters and short days: each seed is a fraction of a second, and most defects show in the first hours of a small cluster. */
test('a few hundred bad days, and no invariant is broken', async () => {
  const { status, stdout, stderr } = await wdrip([
    'simulate',
    ...['--seeds', '300', '--nodes', '4', '--hours', '1', '--jobs', '2'],
  ]);
  expect(stdout.slice(stdout.indexOf('\nINVARIANT'))).not.toContain('BROKEN');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^300 seeds: /);
});
