import { Buffer } from 'node:buffer';
import { failEventOf, noteReboot } from './system-events.ts';
import { unverified } from './unverified.ts';
import type { World } from './world.ts';

/** The longest that the host may take over one boot or shutdown before the cloud goes on without it: far beyond any real one. */
const HOST_LIMIT_MS = 60_000;

/**
 * What happens to instances after a call was taken: the asynchronous states. Each function changes the status at once, and goes on in
 * the background. Whoever calls has checked the preconditions.
 */
export interface Lifecycle {
  /** Pending → Starting → Running, for a new instance. */
  launch(id: string): void;
  /** Stopped → Starting → Running. */
  start(id: string): void;
  /** Running → Stopping → Stopped. */
  stop(id: string, options: { readonly force: boolean; readonly economical: boolean }): void;
  /** Running → Starting → Running. */
  reboot(id: string, options: { readonly force: boolean }): void;
  /** Stopped: a new, empty disk takes the old one's place. */
  replaceDisk(id: string): void;
  /** Ends it in whatever state, lingers, and is gone. */
  release(id: string): void;
  /** Kills what runs on it while the cloud goes on calling it Running: a dead system. */
  killSystem(id: string): void;
}

export function createLifecycle(world: World): Lifecycle {
  const { host, timings } = world;
  const say = (caught: unknown) => (caught instanceof Error ? caught.message : String(caught));
  const run = (id: string, what: string, work: () => Promise<void>) =>
    world.background(work, (caught) => world.update(id, {}, `${what} failed: ${say(caught)}`));

  /** Running at the end, with a live system or without: the cloud does not look into it. */
  const boot = async (id: string) => {
    const instance = world.instances.get(id);
    if (instance === undefined || instance.releasing) return;
    const running = {
      status: 'Running',
      stoppedMode: 'Not-applicable',
      hung: false,
    } as const;
    if (instance.unbootable)
      return world.update(
        id,
        { ...running, startedAt: world.clock.now(), booted: false },
        'powered on, but its system can not boot',
      );
    const failure = await limited(
      host.boot({
        id,
        ip: instance.ip,
        userData: Buffer.from(instance.userData, 'base64').toString('utf8'),
        metadataUrl: world.metadataUrl(id),
      }),
    );
    const startedAt = world.clock.now();
    if (failure === null)
      world.update(id, { ...running, startedAt, booted: true, bootCount: instance.bootCount + 1 }, 'booted');
    else world.update(id, { ...running, startedAt, booted: false }, `boot failed: ${failure}`);
  };
  const shutdown = (id: string, force: boolean) =>
    limited(
      host.shutdown(id, { force, graceMs: force ? 0 : timings.graceMs }),
      timings.graceMs + HOST_LIMIT_MS,
    );
  /** Null, or why it did not work. Never rejects. */
  const limited = (work: Promise<void>, limitMs = HOST_LIMIT_MS): Promise<string | null> =>
    new Promise((resolve) => {
      const cancel = world.clock.after(limitMs, () => resolve(`no end within ${limitMs} ms`));
      work.then(
        () => {
          cancel();
          resolve(null);
        },
        (caught: unknown) => {
          cancel();
          resolve(say(caught));
        },
      );
    });
  const alive = (id: string) => world.instances.get(id)?.releasing === false;

  host.onExit((id) => {
    const instance = world.instances.get(id);
    // During Stopping and Starting the end of the old system is expected, and `booted` already false.
    if (instance === undefined || !instance.booted || instance.status !== 'Running') return;
    world.update(
      id,
      { status: 'Stopped', booted: false, stoppedMode: 'KeepCharging' },
      'its system powered itself off',
    );
  });

  return {
    launch(id) {
      run(id, 'launch', async () => {
        await world.wait(timings.pendingMs);
        const instance = world.instances.get(id);
        if (instance === undefined || !alive(id)) return;
        if (world.soldOut.get(`${instance.zone}/${instance.instanceType}`) === 'late') {
          failEventOf(world, id);
          return world.remove(id);
        }
        world.update(id, { status: 'Starting' }, 'placed');
        await world.wait(timings.startingMs);
        await boot(id);
      });
    },
    start(id) {
      world.update(id, { status: 'Starting' }, 'StartInstance');
      run(id, 'start', async () => {
        await world.wait(timings.startingMs);
        await boot(id);
      });
    },
    stop(id, { force, economical }) {
      world.update(
        id,
        { status: 'Stopping', booted: false },
        force ? 'StopInstance by force' : 'StopInstance',
      );
      run(id, 'stop', async () => {
        const [failure] = await Promise.all([shutdown(id, force), world.wait(timings.stoppingMs)]);
        if (!alive(id)) return;
        const stoppedMode = economical ? 'StopCharging' : 'KeepCharging';
        world.update(id, { status: 'Stopped', stoppedMode }, failure ?? 'powered off');
      });
    },
    reboot(id, { force }) {
      if (world.instance(id).hung && !force && unverified.softRebootOfHungIsLost)
        return world.update(id, {}, 'RebootInstance: its system hangs and does not hear it');
      const startedAt = world.instance(id).startedAt;
      world.update(
        id,
        { status: 'Starting', booted: false },
        force ? 'RebootInstance by force' : 'RebootInstance',
      );
      noteReboot(world, id);
      run(id, 'reboot', async () => {
        await shutdown(id, force);
        await world.wait(timings.rebootMs);
        await boot(id);
        if (!unverified.rebootMovesStartTime) world.update(id, { startedAt }, 'StartTime stays');
      });
    },
    replaceDisk(id) {
      run(id, 'replaceDisk', async () => {
        await world.wait(timings.replaceDiskMs);
        const instance = world.instances.get(id);
        if (instance === undefined || instance.replacing === null || instance.releasing) return;
        const failure = await limited(host.wipe(id));
        const { disk, imageId } = instance.replacing;
        if (failure === null) world.update(id, { disk, imageId, replacing: null }, 'new system disk');
        else
          world.update(
            id,
            { disk: { ...instance.disk, status: 'In_use' }, replacing: null },
            `the old disk stays: ${failure}`,
          );
      });
    },
    release(id) {
      const { status } = world.instance(id);
      const stopped = status === 'Stopped' ? 'Stopped' : 'Stopping';
      world.update(id, { releasing: true, booted: false, status: stopped }, 'DeleteInstance');
      run(id, 'release', async () => {
        await Promise.all([shutdown(id, true), world.wait(timings.deleteMs)]);
        const failure = await limited(host.destroy(id));
        if (failure !== null) world.update(id, {}, `traces are left: ${failure}`);
        world.remove(id);
      });
    },
    killSystem(id) {
      world.update(id, { booted: false }, 'its system died');
      run(id, 'killSystem', async () => {
        await shutdown(id, true);
      });
    },
  };
}
