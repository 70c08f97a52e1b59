import { join } from 'node:path';
import { instanceFolders } from './host/folders.ts';

/**
 * The environment of everything that runs on an instance: the same that its init gives to its units. With it a command that is started
 * from outside is the instance's own, and is ended with it: the host finds it by its markers.
 */
export function instanceEnvironment(options: {
  readonly dir: string;
  readonly tools: string;
  readonly id: string;
  readonly ip: string;
  readonly metadataUrl: string;
}): Readonly<Record<string, string>> {
  const { dir, tools, id, ip, metadataUrl } = options;
  const { disk, controlSocket, agentSocket } = instanceFolders(dir, id);
  const path = [
    join(disk, 'usr/local/bin'),
    tools,
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ];
  return {
    PATH: path.join(':'),
    HOME: join(disk, 'root'),
    LANG: 'C.UTF-8',
    TMPDIR: join(disk, 'tmp'),
    WDRIP_SANDBOX: dir,
    WDRIP_INSTANCE: id,
    WDRIP_ROOT: disk,
    WDRIP_IP: ip,
    WDRIP_METADATA: metadataUrl,
    WDRIP_CONTROL: controlSocket,
    WDRIP_AGENT: agentSocket,
  };
}
