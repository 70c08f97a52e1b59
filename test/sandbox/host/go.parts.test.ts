import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, jest, test } from '@jest/globals';
import { goCommand } from '../../../src/sandbox/host/go-build.ts';

// Compiling the tests takes seconds where nothing is cached.
jest.setTimeout(300_000);

test("the Go programs' own tests pass", async () => {
  const go = await goCommand();
  const cwd = fileURLToPath(new URL('../../../src/sandbox/programs', import.meta.url));
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
  const run = (...args: string[]) =>
    promisify(execFile)(go, args, { cwd, env }).catch((failed: { stdout: string; stderr: string }) => {
      throw new Error(`go ${args.join(' ')}:\n${failed.stdout}${failed.stderr}`);
    });
  const { stdout } = await run('test', './internal/...');
  for (const name of ['unit', 'service', 'process', 'oss']) {
    expect(stdout).toMatch(new RegExp(`ok\\s+wdrip/sandbox/programs/internal/${name}\\b`));
  }
});
