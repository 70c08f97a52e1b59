import { describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { mutants } from './mutants/mutants.ts';
import { judge, withPlanted } from './mutants/run.ts';

/** Some are found in seconds, and some take a search. */
jest.setTimeout(300_000);

/** One of each kind that a run of seconds finds; `npm run simulate:mutants` plants all of them. */
const sample = [
  'budgetIgnored',
  'permitNeverReturned',
  'cordonNotLifted',
  'tokenOfCreationNotStable',
  'lastRungMissing',
];

describe('defects that are planted in the code', () => {
  test.each(sample)('%s is found', async (name) => {
    const mutant = mutants.find((each) => each.name === name);
    expect(mutant).toBeDefined();
    if (mutant === undefined) return;
    const { seed, seeds } = await judge(mutant);
    expect(seed).not.toBeNull();
    expect(seeds).toBeLessThanOrEqual(mutant.seeds);
  });

  test('the history of one is made short, told as a story, and run again by the command that is shown', async () => {
    const mutant = mutants.find(({ name }) => name === 'cordonNotLifted');
    if (mutant === undefined) throw new Error('there is no such mutant');
    await withPlanted(mutant, async (wdrip) => {
      const search = ['simulate', '--seeds', '40', '--nodes', '6', '--hours', '3', '--jobs', '1'];
      const { status, stdout } = await wdrip([...search, '--fail-fast']);
      expect(status).toBe(1);
      const told = stdout.slice(stdout.search(/^seed \d+ breaks invariant/m));
      const [, faults, ofFaults] = /^(\d+) faults? of (\d+) (?:is|are) enough/m.exec(told) ?? [];
      expect(Number(faults)).toBeLessThanOrEqual(2);
      expect(Number(ofFaults)).toBeGreaterThanOrEqual(Number(faults));
      expect(told).toMatch(/^ {2}-\d:\d\d:\d\d\.\d{3} {2}fault \d+: /m);
      expect(told).toMatch(/^ {2}-\d:\d\d:\d\d\.\d{3} {2}workers-\d: .* → recovering\.clearing/m);
      expect(told).toMatch(/^ {2} 0:00:00\.000 {2}VIOLATION of invariant/m);
      const [, slot] = /^seed \d+ breaks invariant 6: (workers-\d) is healthy/.exec(told) ?? [];
      expect(slot).toBeDefined();
      const others = told
        .split('\n')
        .filter((line) => /^ {2}[- ]\d.* {2}workers-\d: /.test(line) && !line.includes(`  ${slot}: `));
      expect(others).toEqual([]);

      const [, command = ''] = /^run it again: wdrip (.+)$/m.exec(told) ?? [];
      const again = await wdrip([...command.split(' '), '--json', '--no-shorten']);
      expect(again.status).toBe(1);
      const report = z.object({
        failures: z.array(z.object({ invariant: z.number(), story: z.array(z.string()) })),
      });
      const [failure] = report.parse(JSON.parse(again.stdout)).failures;
      expect(failure?.invariant).toBe(6);
      expect(told).toContain(failure?.story.map((line) => `  ${line}`).join('\n'));
    });
  });
});
