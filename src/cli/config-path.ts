import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { defaultSandboxDir } from '../sandbox/dir.ts';
import { loadConfig, type SupervisorConfig } from '../supervisor/config.ts';

/** The configuration that is named by `--config` or WDRIP_CONFIG; null if none is. */
export function namedConfig(named: string | undefined): string | null {
  const given = named ?? process.env.WDRIP_CONFIG;
  return given === undefined || given === '' ? null : given;
}

/** The configuration of the sandbox that is up here; null if none is. */
export function sandboxConfig(): string | null {
  const path = join(defaultSandboxDir(), 'supervise.yml');
  return existsSync(path) ? path : null;
}

/** The configuration that a command works with: what is named, else that of the sandbox that is up here. */
function configPath(named: string | undefined): string {
  const path = namedConfig(named) ?? sandboxConfig();
  if (path !== null) return path;
  throw new Failure({
    kind: 'rejected',
    code: 'NoConfiguration',
    message:
      'no configuration is named and no sandbox is up. Name one with --config or WDRIP_CONFIG, bring up a sandbox with `wdrip sandbox up --workers 3`, or see a simulated cluster with `wdrip start`',
  });
}

/** What a command may be told of the cluster that it works on. */
export interface ClusterOptions {
  readonly config?: string;
  readonly name?: string;
}

/** The configuration of the cluster that is meant. One of another name than `--name` is refused: a pause must not hit the wrong cluster. */
export async function configFor(options: ClusterOptions): Promise<SupervisorConfig> {
  const path = configPath(options.config);
  const config = await loadConfig(path);
  if (options.name === undefined || options.name === config.cluster) return config;
  throw new Failure({
    kind: 'rejected',
    code: 'WrongCluster',
    message: `the configuration ${path} is of cluster ${config.cluster}, and not of ${options.name}: name the other's with --config`,
  });
}
