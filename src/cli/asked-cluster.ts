import { Failure } from '../failure.ts';
import { embedded } from '../simulator/embedded/config.ts';
import { embeddedDir } from '../simulator/embedded/dir.ts';
import { loadConfig } from '../supervisor/config.ts';
import { type ClusterOptions, configFor, namedConfig, sandboxConfig } from './config-path.ts';
import { livingAddress } from './living-address.ts';

/** A cluster, and the folder in which its supervisor leaves its address. */
export interface AskedCluster {
  readonly cluster: string;
  readonly store: string;
}

/**
 * Whose supervisor a command asks. A configuration that is named says so; else it is what runs on this machine: the embedded cluster of
 * `wdrip start`, or a sandbox's. If both run, the command must say which, by name: a pause must not hit the wrong one.
 */
export async function askedCluster(options: ClusterOptions): Promise<AskedCluster> {
  if (namedConfig(options.config) !== null) return configFor(options);
  const demo = { cluster: embedded.cluster, store: embeddedDir() };
  if ((await livingAddress(demo.store)) === null || options.name === demo.cluster)
    return options.name === demo.cluster ? demo : configFor(options);
  const path = sandboxConfig();
  if (path === null) {
    if (options.name === undefined) return demo;
    const message = `only the simulated cluster ${demo.cluster} runs here, and not ${options.name}: name its configuration with --config`;
    throw new Failure({ kind: 'rejected', code: 'WrongCluster', message });
  }
  const sandbox = await loadConfig(path);
  if (options.name !== undefined) return configFor(options);
  if ((await livingAddress(sandbox.store)) === null) {
    process.stderr.write(
      `(asking the simulated cluster ${demo.cluster}: no supervisor runs on the sandbox)\n`,
    );
    return demo;
  }
  const message = `two clusters run here: say which with --name ${demo.cluster} (the simulated one of \`wdrip start\`) or --name ${sandbox.cluster} (the sandbox)`;
  throw new Failure({ kind: 'rejected', code: 'WhichCluster', message });
}
