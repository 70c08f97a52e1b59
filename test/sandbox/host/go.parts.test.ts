import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, jest, test } from '@jest/globals';
import { goCommand } from '../../../src/sandbox/host/go-build.ts';

// Compiling the tests takes seconds where nothing is cached.
jest.setTimeout(900_000);

const cwd = fileURLToPath(new URL('../../../src/sandbox/programs', import.meta.url));

async function goTest(packages: string): Promise<string> {
  const args = ['test', packages];
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
  const { stdout } = await promisify(execFile)(await goCommand(), args, { cwd, env }).catch(
    (failed: { stdout: string; stderr: string }) => {
      throw new Error(`go ${args.join(' ')}:\n${failed.stdout}${failed.stderr}`);
    },
  );
  return stdout;
}

test("the small Go programs' own tests pass", async () => {
  const said = await goTest('./internal/...');
  for (const name of ['unit', 'service', 'process', 'oss']) {
    expect(said).toMatch(new RegExp(`ok\\s+wdrip/sandbox/programs/internal/${name}\\b`));
  }
});

test("the pretended container runtime is one that a kubelet's client is content with", async () => {
  expect(await goTest('./cmd/containerd')).toMatch(/ok\s+wdrip\/sandbox\/programs\/cmd\/containerd\b/);
});
