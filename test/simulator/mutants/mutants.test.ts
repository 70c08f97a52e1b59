import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { root } from '../../tidy/files.ts';
import { edited } from './edit.ts';
import { mutants } from './mutants.ts';

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  '%s can still be planted',
  (_, { edits }) => {
    const texts = new Map<string, string>();
    for (const edit of edits) {
      const text = texts.get(edit.file) ?? readFileSync(join(root, edit.file), 'utf8');
      texts.set(edit.file, edited(text, edit));
    }
  },
);

test('a mutant whose text is gone, or stands twice, is told', () => {
  const edit = { file: 'src/a.ts', old: 'b', new: 'c' };
  expect(edited('abd', edit)).toBe('acd');
  expect(edited('a$', { file: 'src/a.ts', old: 'a', new: '$&' })).toBe('$&$');
  expect(() => edited('ad', edit)).toThrow('src/a.ts holds 0 times');
  expect(() => edited('abb', edit)).toThrow('src/a.ts holds 2 times');
});

test('there are some twenty, each with a name of its own', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(20);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
