import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createOssStore } from '../backup/objects/oss.ts';
import { loadMaterial } from '../bootstrap/cluster-material.ts';
import { createAlibabaCloud } from '../cloud/alibaba.ts';
import { loadPage } from '../dashboard/page-files.ts';
import { serve } from '../dashboard/server.ts';
import { allEffects } from '../effects/all.ts';
import { onlyOurs } from '../effects/only-ours.ts';
import type { World } from '../effects/world.ts';
import { createKubernetes } from '../kubernetes/adapter.ts';
import type { Log } from '../log.ts';
import { systemClock } from '../runtime/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { createRuntime } from '../runtime/runtime.ts';
import type { Runtime, Transition } from '../runtime/types.ts';
import { openLmdbStore } from '../store/lmdb.ts';
import { removeAddress, writeAddress } from './address.ts';
import { Chronicle } from './chronicle.ts';
import type { SupervisorConfig } from './config.ts';
import { controlPlaneRoutes } from './control-plane-routes.ts';
import { createControlPlaneSide } from './control-plane-wiring.ts';
import { machineEntries, onSetAside } from './machines.ts';
import { supervisorRoutes } from './routes.ts';
import { tellStory } from './story.ts';
import type { Subject } from './subject.ts';
import { Supervisor } from './supervisor.ts';
import { createWorld } from './world.ts';

/** A supervisor at work. */
export interface Running {
  readonly supervisor: Supervisor;
  readonly runtime: Runtime;
  /** Where its HTTP interface is, and the token that it takes. */
  readonly url: string;
  readonly token: string;
  onTransition(listener: (transition: Transition) => void): void;
  stop(): Promise<void>;
}

/** Everything that a supervisor is made of, put together. Reads like a table of contents. */
export async function startSupervisor(options: {
  readonly config: SupervisorConfig;
  readonly log: Log;
}): Promise<Running> {
  const { config, log } = options;
  const clock = systemClock();
  const random = systemRandom;

  const material = await loadMaterial(config.material);
  await mkdir(config.store, { recursive: true, mode: 0o700 });
  const store = await openLmdbStore(join(config.store, 'actors'), { setAsideBroken: true });

  const alibaba = createAlibabaCloud({
    ...config.cloud,
    credentials: config.cloud,
    clock,
    random,
    log: (note) => log.warn('the cloud is asked again', { ...note }),
  });
  const cloud = onlyOurs(alibaba, config.cluster);
  const kubernetes = createKubernetes({
    kubeconfig: config.kubeconfig,
    clock,
    random,
    log,
    limits: { staleMs: config.supervisor.staleMs },
  });
  const objects = createOssStore({
    ...config.objects,
    credentials: async () => config.objects,
    clock,
    random,
    log: (note) => log.warn('the object storage is asked again', { ...note }),
  });

  const side = await createControlPlaneSide({
    config,
    material,
    cloud,
    kubernetes,
    clock,
    random,
    log,
    supervisor: () => supervisor,
    runtime: () => runtime,
    world: () => world,
  });
  const world: World = createWorld({
    config,
    material,
    objects,
    cloud,
    kubernetes,
    log,
    masters: side?.bodies ?? null,
    supervisor: () => supervisor,
  });
  const runtime: Runtime = createRuntime({
    store,
    clock,
    random,
    machines: machineEntries,
    effects: allEffects({
      node: world,
      quorum: side?.quorum ?? null,
      recovery: side?.recovery ?? null,
      backup: side?.backup ?? null,
    }),
    log: (level, message, facts) => log[level](message, facts),
    onSetAside: onSetAside(config.cluster),
  });
  const supervisor: Supervisor = new Supervisor({
    config,
    runtime,
    kubernetes,
    cloud,
    etcd: side?.etcd ?? null,
    clock,
    random,
    log,
    recordsLost: store.setAside !== null,
  });

  const chronicle = new Chronicle();
  runtime.onTransition((transition) => tellStory(log, transition));
  runtime.onTransition((transition) => chronicle.heard(transition));
  const restored = await runtime.start();
  log.info('actors restored', { ...restored });
  for (const { actor, why } of restored.setAside)
    log.error('a record could not be read and was set aside: its actor starts anew, on the safe side', {
      actor,
      why,
    });
  if (store.setAside !== null)
    log.error('the store was broken and begins empty: every node is observed anew, on the safe side', {
      ...store.setAside,
    });
  // Before it begins: whoever reads in its log that it is at work can ask it.
  const token = random.hex(24);
  const subject: Subject = {
    cluster: config.cluster,
    clock,
    chronicle,
    current: () => ({ supervisor, runtime, backups: side?.backup ?? null }),
    lab: () => null,
  };
  const server = await serve({
    routes: [...supervisorRoutes(subject), ...controlPlaneRoutes(subject)],
    token,
    clock,
    page: await loadPage(),
  });
  await writeAddress(config.store, { url: server.url, token, pid: process.pid });
  await supervisor.start();
  side?.backup?.start();

  return {
    supervisor,
    runtime,
    url: server.url,
    token,
    onTransition: (listener) => runtime.onTransition(listener),
    async stop() {
      await server.close();
      await supervisor.stop();
      await runtime.stop();
      await side?.close();
      await store.close();
      await removeAddress(config.store);
    },
  };
}
