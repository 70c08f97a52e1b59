import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { defaultSandboxDir } from '../sandbox/dir.ts';

/** The configuration that a command works with: what is named, else WDRIP_CONFIG, else that of the sandbox that is up here. */
export async function configPath(named: string | undefined): Promise<string> {
  const given = named ?? process.env.WDRIP_CONFIG;
  if (given !== undefined && given !== '') return given;
  const sandbox = join(defaultSandboxDir(), 'supervise.yml');
  if (existsSync(sandbox)) return sandbox;
  throw new Failure({
    kind: 'rejected',
    code: 'NoConfiguration',
    message:
      'no configuration is named and no sandbox is up. Name one with --config or WDRIP_CONFIG, or bring up a sandbox with `wdrip sandbox up --workers 3`',
  });
}
