import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { root } from '../../src/root.ts';

const run = promisify(execFile);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wdrip-build-'));
  for (const part of ['bin', 'package.json'])
    cpSync(new URL(part, root), join(folder, part), { recursive: true });
  symlinkSync(fileURLToPath(new URL('node_modules', root)), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'machines'));
  mkdirSync(join(folder, 'src/cli'), { recursive: true });
  says('first');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function says(word: string) {
  writeFileSync(
    join(folder, 'src/cli/main.ts'),
    `export async function main(argv: readonly string[]): Promise<void> { console.log(${JSON.stringify(word)}, argv.length); }`,
  );
}

const wdrip = async () => (await run(process.execPath, [join(folder, 'bin/wdrip.js')])).stdout.trim();
const builds = () => readdirSync(join(folder, 'dist'));

test('what runs is the sources as they are now, and they are bundled once', async () => {
  expect(await wdrip()).toBe('first 2');
  const [only = ''] = builds();
  const made = statSync(join(folder, 'dist', only)).mtimeMs;
  expect(await wdrip()).toBe('first 2');
  expect(statSync(join(folder, 'dist', only)).mtimeMs).toBe(made);
  says('second');
  expect(await wdrip()).toBe('second 2');
  expect(builds()).toHaveLength(2);
});

test('many that start at once on sources that are new all run, and leave one bundle', async () => {
  expect(await Promise.all([wdrip(), wdrip(), wdrip()])).toEqual(['first 2', 'first 2', 'first 2']);
  expect(builds()).toHaveLength(1);
});

test('of the bundles of sources that have changed since, only the newest are kept', async () => {
  for (let count = 1; count <= 7; count += 1) {
    says(`change ${count}`);
    expect(await wdrip()).toBe(`change ${count} 2`);
  }
  expect(builds()).toHaveLength(5);
});

test('sources that can not be read end it with where and why, and leave nothing', async () => {
  writeFileSync(join(folder, 'src/cli/main.ts'), 'export const main = (;');
  await expect(wdrip()).rejects.toThrow(/src\/cli\/main\.ts:1:\d+: ERROR/);
  expect(builds).toThrow('ENOENT');
});
