import { mkdir } from 'node:fs/promises';
import { loadPage } from '../../dashboard/page-files.ts';
import { serve } from '../../dashboard/server.ts';
import { systemClock } from '../../runtime/clock.ts';
import { systemRandom } from '../../runtime/random.ts';
import { readAddress, removeAddress, writeAddress } from '../../supervisor/address.ts';
import { controlPlaneRoutes } from '../../supervisor/control-plane-routes.ts';
import { supervisorRoutes } from '../../supervisor/routes.ts';
import type { Subject } from '../../supervisor/subject.ts';
import { EmbeddedCluster } from './cluster.ts';
import { embedded } from './config.ts';
import { Outages } from './outages.ts';
import { createPacedClock } from './paced-clock.ts';
import { labRoutes, labState } from './routes.ts';
import type { Speed } from './speeds.ts';

/** The cluster's history is its own, and the same at each start: what happens to it is up to the person. */
const seed = 1;

export interface EmbeddedHandle {
  readonly url: string;
  readonly token: string;
  readonly cluster: EmbeddedCluster;
  stop(): Promise<void>;
}

/** The simulated cluster with the real supervisor on it and its page, in this process. `dir`: where commands find its address. */
export async function startEmbedded(options: {
  readonly dir: string;
  readonly speed: Speed;
  readonly port?: number;
}): Promise<EmbeddedHandle> {
  const wall = systemClock();
  const cluster = new EmbeddedCluster({ clock: createPacedClock(wall, options.speed), wall, seed });
  const outages = new Outages(cluster);
  const token = systemRandom.hex(24);
  const subject: Subject = {
    cluster: embedded.cluster,
    clock: cluster.clock,
    chronicle: cluster.chronicle,
    current: () => cluster.supervisor(),
    lab: () => labState(cluster, outages),
  };
  const server = await serve({
    routes: [...supervisorRoutes(subject), ...controlPlaneRoutes(subject), ...labRoutes(cluster, outages)],
    token,
    page: await loadPage(),
    clock: wall,
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  await cluster.start();
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  await writeAddress(options.dir, { url: server.url, token, pid: process.pid });
  return {
    url: server.url,
    token,
    cluster,
    async stop() {
      cluster.stop();
      await server.close();
      // Another one that was started since has written its own.
      if ((await readAddress(options.dir))?.pid === process.pid) await removeAddress(options.dir);
    },
  };
}
