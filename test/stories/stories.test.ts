import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { nodeLanguage } from './node-language.ts';
import { quorumLanguage } from './quorum-language.ts';
import { walk } from './runner.ts';

// `REWRITE=1 npm run test:unit -- stories` writes what happens now into the scripts. Read the diff: commit it only if every line of it is
// understood and wanted.
const folder = new URL('./', import.meta.url);
const stories = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort();

test.each(stories)('%s', (name) => {
  const file = new URL(name, folder);
  const told = readFileSync(file, 'utf8');
  const happened = walk(told, [nodeLanguage, quorumLanguage]);
  if (process.env.REWRITE === '1') writeFileSync(file, happened);
  else expect(happened).toBe(told);
});
