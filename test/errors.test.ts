import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const root = new URL('../', import.meta.url);
/** The emulated and the simulated cloud speak the vendor's codes, which the vendor documents. */
const vendors = ['sandbox/cloud/', 'simulator/world/'];

/** Codes that our sources give, by the way they are written down. */
function codesInSources(): ReadonlySet<string> {
  const codes = new Set<string>();
  const files = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter(
    (name) => name.endsWith('.ts') && !vendors.some((each) => name.startsWith(each)),
  )) {
    const text = readFileSync(new URL(`src/${file}`, root), 'utf8');
    for (const [, code] of text.matchAll(
      /(?:code: |super\(\d+, |new Refused\(\s*\d+,\s*|rejected\(\s*)'([A-Z][A-Za-z]+)'/g,
    ))
      if (code) codes.add(code);
    const ours = /export const cloudCodes = \{([\s\S]*?)\} as const/.exec(text)?.[1] ?? '';
    for (const [, code] of ours.matchAll(/: '([A-Za-z]+)'/g)) if (code) codes.add(code);
  }
  return codes;
}

test('every error code is in the one list of them, and the list has no others', () => {
  const listed = [...readFileSync(new URL('docs/errors.md', root), 'utf8').matchAll(/^\| `(\w+)` \|/gm)].map(
    ([, code]) => code,
  );
  expect(listed.length).toBeGreaterThan(40);
  expect([...listed].sort()).toEqual([...codesInSources()].sort());
});
