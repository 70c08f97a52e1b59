import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

const table = readFileSync('docs/decisions/simulator.md', 'utf8');
const rows = [...table.matchAll(/^\| (\d+(?:, \d+)*) \| (.*) \|$/gm)].map(([, numbers = '', where = '']) => ({
  numbers: numbers.split(', ').map(Number),
  files: [...where.matchAll(/\btest\/[\w./-]+\.ts\b/g)].map(([file]) => file),
}));

/** The text of a file that names a safety case: `safety 45`, or in a list after the word. */
function names(file: string, number: number): boolean {
  const lists = readFileSync(file, 'utf8').match(/\bsafety (\d+(, | and | to )?)+/g) ?? [];
  return lists.some((list) => (list.match(/\d+/g) ?? []).map(Number).includes(number));
}

describe('the table of safety cases in docs/decisions/simulator.md', () => {
  test('has every one of the 62, once', () => {
    const all = rows.flatMap(({ numbers }) => numbers).sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 62 }, (_, index) => index + 1));
  });

  test('names only tests of the control plane that name the case', () => {
    const wrong = rows.flatMap(({ numbers, files }) =>
      numbers
        .filter((number) => number >= 36 && number <= 57)
        .flatMap((number) =>
          files.filter((file) => !names(file, number)).map((file) => `${number}: ${file}`),
        ),
    );
    expect(rows.filter(({ files }) => files.length > 0).length).toBeGreaterThan(20);
    expect(wrong).toEqual([]);
  });
});
