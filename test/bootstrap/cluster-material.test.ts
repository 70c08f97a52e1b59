import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadMaterial, saveMaterial } from '../../src/bootstrap/cluster-material.ts';
import { exampleMaterial } from './example.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wdrip-material-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('what is saved is loaded, for its owner only, with nothing left beside it', async () => {
  const path = join(folder, 'material.json');
  await writeFile(path, 'old', { mode: 0o644 });
  await saveMaterial(path, exampleMaterial);
  expect(await loadMaterial(path)).toEqual(exampleMaterial);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['material.json']);
});

test('a missing, a torn and a wrong file are named, with what is wrong', async () => {
  const path = join(folder, 'material.json');
  await expect(loadMaterial(path)).rejects.toMatchObject({
    code: 'BadMaterial',
    message: expect.stringContaining(`${path} cannot be used: it could not be read (ENOENT)`),
  });
  await writeFile(path, '{"version": 1, "clus');
  await expect(loadMaterial(path)).rejects.toThrow('it is not JSON');
  await writeFile(path, JSON.stringify({ ...exampleMaterial, server: 'nowhere' }));
  await expect(loadMaterial(path)).rejects.toThrow('server: Invalid URL');
  await writeFile(path, JSON.stringify({ ...exampleMaterial, surprise: 1 }));
  await expect(loadMaterial(path)).rejects.toThrow('Unrecognized key: "surprise"');
});
