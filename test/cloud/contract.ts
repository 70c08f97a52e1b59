import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Cloud, Instance, InstanceSpec } from '../../src/cloud/port.ts';
import { Failure } from '../../src/failure.ts';

/** A call of the port that has an effect, or the list: what faults are set on and effects counted of. */
export type PortCall = Exclude<keyof Cloud, 'region'>;

/** How a call goes wrong. `never` is no answer at all, `slow` one that comes late but within the adapter's time. */
export type Misfortune = 'throttled' | 'serverError' | 'gatewayError' | 'reset' | 'never' | 'slow';

/** A cloud to hold to the contract, and a hand on it. */
export interface CloudUnderTest {
  /** In virtual time, one whose calls let the time that they need pass. */
  readonly cloud: Cloud;
  readonly cluster: string;
  /** One that the cloud takes, with the cluster's tag, and with a second zone that it takes too. */
  readonly spec: InstanceSpec;
  readonly otherZone: Pick<InstanceSpec, 'zone' | 'vSwitchId'>;
  /** Scripts that the instances know: one prints `output` and ends with 0, one ends with 3, one never ends. */
  readonly scripts: {
    readonly prints: string;
    readonly output: string;
    readonly fails: string;
    readonly hangs: string;
  };
  /** Lets time pass until `look` gives something. Throws after its deadline. */
  until<T>(what: string, look: () => Promise<T | null>): Promise<T>;
  /** The next `times` calls (all, if absent) go wrong, before or after their effect. */
  disturb(
    call: PortCall,
    misfortune: Misfortune,
    options: { readonly afterEffect: boolean; readonly times?: number },
  ): void;
  /** After `calls` more of it, each is throttled, for longer than anyone would wait. */
  throttleAfter(call: PortCall, calls: number): void;
  /** Ends all disturbances. */
  calm(): void;
  /** How often this call has been made and has taken effect on the instance, or on any. */
  made(call: PortCall): number;
  effects(call: PortCall): number;
  /** Boots of the instance, and the user data that it ran at its first boots, in order. */
  boots(id: string): number;
  firstBoots(id: string): readonly string[];
  killAgent(id: string): void;
  lock(id: string, reason: 'security' | 'financial' | null): void;
  setStock(zone: string, inStock: boolean): void;
  /** A system event of the cloud's own on the instance, executing from now on. */
  executeSystemEvent(id: string): void;
  close(): Promise<void>;
}

/**
 * What every `Cloud` does, whatever is behind it: the adapter on the emulated cloud's wire, and the simulator's cloud in memory. Each
 * test makes instances of its own; the cloud is shared.
 */
export function cloudContract(name: string, open: () => Promise<CloudUnderTest>): void {
  describe(name, () => {
    let under: CloudUnderTest;
    let attempts = 0;
    beforeAll(async () => {
      under = await open();
    });
    afterEach(() => under.calm());
    afterAll(() => under.close());

    const attempt = () => `contract-${++attempts}`;
    const untilStatus = (id: string, status: Instance['status']) =>
      under.until(`${id} is ${status}`, async () => {
        const instance = await under.cloud.findInstance(id);
        return instance?.status === status ? instance : null;
      });
    const create = async (changes: Partial<InstanceSpec> = {}) => {
      const id = await under.cloud.runInstance({ ...under.spec, ...changes }, attempt());
      return untilStatus(id, 'Running');
    };
    const stop = async (id: string) => {
      await under.cloud.stop(id, { force: true });
      return untilStatus(id, 'Stopped');
    };
    const command = (id: string, script: string, of = attempt(), signal = new AbortController().signal) =>
      under.cloud.runCommand(id, script, { timeoutMs: 20_000, attempt: of, signal });

    test('a new instance is known at once, runs after a while, and is what was asked for', async () => {
      const id = await under.cloud.runInstance(under.spec, attempt());
      // Even if no list has it yet, it is never said not to exist.
      expect(await under.cloud.findInstance(id)).toMatchObject({ id });
      const running = await untilStatus(id, 'Running');
      expect(running).toMatchObject({
        id,
        zone: under.spec.zone,
        imageId: under.spec.imageId,
        instanceType: under.spec.instanceType,
        tags: under.spec.tags,
        locks: [],
        privateIp: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
        startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/),
        systemDiskId: expect.stringMatching(/./),
      });
      const { instances } = await under.cloud.listInstances(under.cluster);
      expect(instances).toContainEqual({ ...running, systemDiskId: null });
      expect(under.boots(id)).toBe(1);
      expect(under.firstBoots(id)).toEqual([under.spec.userData]);
    });

    test('only what carries the tag of the cluster is listed', async () => {
      const other = await create({ tags: { ...under.spec.tags, 'wdrip.io/cluster': 'another' } });
      const ids = (cluster: string) =>
        under.cloud.listInstances(cluster).then(({ instances }) => instances.map(({ id }) => id));
      expect(await ids(under.cluster)).not.toContain(other.id);
      expect(await ids('another')).toEqual([other.id]);
      expect(await ids('nobody')).toEqual([]);
    });

    test('the same attempt creates one instance, another attempt another', async () => {
      const same = attempt();
      const first = await under.cloud.runInstance(under.spec, same);
      expect(await under.cloud.runInstance(under.spec, same)).toBe(first);
      expect(await under.cloud.runInstance(under.spec, attempt())).not.toBe(first);
    });

    test('the same attempt asked twice at the same time creates one instance', async () => {
      const same = attempt();
      const before = under.effects('runInstance');
      const [first, second] = await Promise.all([
        under.cloud.runInstance(under.spec, same),
        under.cloud.runInstance(under.spec, same),
      ]);
      expect(second).toBe(first);
      expect(under.effects('runInstance') - before).toBe(1);
    });

    test('the same attempt with another specification is refused', async () => {
      const same = attempt();
      await under.cloud.runInstance(under.spec, same);
      await expect(
        under.cloud.runInstance({ ...under.spec, userData: '#!/bin/sh\n# other\n' }, same),
      ).rejects.toMatchObject({ kind: 'rejected', code: 'IdempotentParameterMismatch' });
    });

    test('stop and start: the same body, booted again', async () => {
      const before = await create();
      const stopped = await stop(before.id);
      expect(stopped).toMatchObject({ privateIp: before.privateIp, systemDiskId: before.systemDiskId });
      await under.cloud.start(before.id);
      const after = await untilStatus(before.id, 'Running');
      expect(after).toMatchObject({ privateIp: before.privateIp, systemDiskId: before.systemDiskId });
      expect(under.boots(before.id)).toBe(2);
      expect(under.firstBoots(before.id)).toHaveLength(1);
    });

    test('a reboot boots it once more, and is no first boot', async () => {
      const { id } = await create();
      await under.cloud.reboot(id, { force: false });
      await under.until('it has booted again', async () => (under.boots(id) === 2 ? true : null));
      await untilStatus(id, 'Running');
      expect(under.firstBoots(id)).toHaveLength(1);
    });

    test('what needs another state is rejected, and does nothing', async () => {
      const running = await create();
      const stopped = await stop((await create()).id);
      const wrong = { kind: 'rejected', code: 'IncorrectInstanceStatus' };
      await expect(under.cloud.start(running.id)).rejects.toMatchObject(wrong);
      await expect(under.cloud.setUserData(running.id, 'x')).rejects.toMatchObject(wrong);
      await expect(
        under.cloud.replaceSystemDisk(running.id, under.spec.imageId, attempt()),
      ).rejects.toMatchObject(wrong);
      await expect(under.cloud.stop(stopped.id, { force: false })).rejects.toMatchObject(wrong);
      await expect(under.cloud.reboot(stopped.id, { force: true })).rejects.toMatchObject(wrong);
      expect(await under.cloud.findInstance(running.id)).toEqual(running);
      expect(await under.cloud.findInstance(stopped.id)).toEqual(stopped);
    });

    test('a new system disk: another id, still stopped, and the next boot is a first boot with the new user data', async () => {
      const before = await stop((await create()).id);
      await under.cloud.setUserData(before.id, '#!/bin/sh\n# second\n');
      const same = attempt();
      const disk = await under.cloud.replaceSystemDisk(before.id, under.spec.imageId, same);
      expect(disk).not.toBe(before.systemDiskId);
      expect(await under.cloud.findInstance(before.id)).toEqual({ ...before, systemDiskId: disk });

      expect(await under.cloud.replaceSystemDisk(before.id, under.spec.imageId, same)).toBe(disk);
      await under.cloud.start(before.id);
      await untilStatus(before.id, 'Running');
      expect(under.firstBoots(before.id)).toEqual([under.spec.userData, '#!/bin/sh\n# second\n']);
    });

    test('a deleted instance is gone, by proof; deleting it again is no error', async () => {
      const { id } = await create();
      await under.cloud.deleteInstance(id);
      await under.until('it is gone', async () =>
        (await under.cloud.findInstance(id)) === null ? true : null,
      );
      const { instances } = await under.cloud.listInstances(under.cluster);
      expect(instances.map((instance) => instance.id)).not.toContain(id);
      await under.cloud.deleteInstance(id);
      await expect(under.cloud.reboot(id, { force: true })).rejects.toMatchObject({ kind: 'notFound' });
      await expect(under.cloud.start(id)).rejects.toMatchObject({ kind: 'notFound' });
      await expect(command(id, under.scripts.prints)).rejects.toMatchObject({ kind: 'notFound' });
    });

    test('an instance that never was is null', async () => {
      expect(await under.cloud.findInstance('i-neverwas')).toBeNull();
    });

    test('a security group is known where it is, and no other', async () => {
      expect(await under.cloud.hasSecurityGroup(under.spec.securityGroupId)).toBe(true);
      expect(await under.cloud.hasSecurityGroup('sg-neverwas')).toBe(false);
    });

    test('a stopped instance can be deleted: it stays stopped until it is gone', async () => {
      const { id } = await stop((await create()).id);
      const effects = under.effects('deleteInstance');
      await under.cloud.deleteInstance(id);
      const seen = await under.cloud.findInstance(id);
      expect([undefined, 'Stopped']).toContain(seen?.status);
      // Once more is no error, and what is going can't be started.
      await under.cloud.deleteInstance(id);
      expect(under.effects('deleteInstance')).toBe(effects + 1);
      await expect(under.cloud.start(id)).rejects.toMatchObject({
        kind: expect.stringMatching(/rejected|notFound/),
      });
      await under.until('it is gone', async () =>
        (await under.cloud.findInstance(id)) === null ? true : null,
      );
    });

    test('an instance can be deleted in a passing state too: while it is made, starts or stops', async () => {
      const gone = (id: string) =>
        under.until(`${id} is gone`, async () =>
          (await under.cloud.findInstance(id)) === null ? true : null,
        );
      const pending = await under.cloud.runInstance(under.spec, attempt());
      await under.cloud.deleteInstance(pending);
      await gone(pending);
      const stopping = await create();
      await under.cloud.stop(stopping.id, { force: true });
      await under.cloud.deleteInstance(stopping.id);
      await gone(stopping.id);
      const starting = await create();
      await under.cloud.reboot(starting.id, { force: true });
      await under.cloud.deleteInstance(starting.id);
      await gone(starting.id);
    });

    test('an aborted signal: what was not asked yet is not asked, and what was refused for now not again', async () => {
      const { id } = await create();
      const [made, effects] = [under.made('reboot'), under.effects('reboot')];
      const aborted = AbortSignal.abort(new Error('moved on'));
      await expect(under.cloud.reboot(id, { force: true, signal: aborted })).rejects.toThrow('moved on');
      expect(under.made('reboot') - made).toBe(0);

      const abort = new AbortController();
      under.disturb('reboot', 'throttled', { afterEffect: false });
      const asking = under.cloud.reboot(id, { force: true, signal: abort.signal });
      await under.until('it was refused', async () => (under.made('reboot') > made ? true : null));
      abort.abort(new Error('moved on'));
      await expect(asking).rejects.toThrow('moved on');
      expect(under.effects('reboot')).toBe(effects);
    });

    test('what is asked before a call is asked before each try, and the call is not made without it', async () => {
      const { id } = await create();
      const [made, effects] = [under.made('reboot'), under.effects('reboot')];
      const refuses = async () => {
        throw new Error('it is not ours any more');
      };
      await expect(under.cloud.reboot(id, { force: true, before: refuses })).rejects.toThrow('not ours');
      expect(under.made('reboot') - made).toBe(0);

      under.disturb('reboot', 'throttled', { afterEffect: false });
      let asked = 0;
      const refusesThen = async () => {
        asked += 1;
        if (asked > 1) throw new Error('it is not ours any more');
      };
      await expect(under.cloud.reboot(id, { force: true, before: refusesThen })).rejects.toThrow('not ours');
      expect([asked, under.made('reboot') - made, under.effects('reboot') - effects]).toEqual([2, 1, 0]);

      const before = refuses;
      const options = { timeoutMs: 20_000, attempt: attempt(), signal: new AbortController().signal, before };
      await expect(under.cloud.runCommand(id, under.scripts.prints, options)).rejects.toThrow('not ours');
    });

    test('a command tells its output and its exit code', async () => {
      const { id } = await create();
      expect(await command(id, under.scripts.prints)).toEqual({
        outcome: 'exited',
        exitCode: 0,
        output: under.scripts.output,
      });
      expect(await command(id, under.scripts.fails)).toMatchObject({ outcome: 'exited', exitCode: 3 });
    });

    test('the same attempt runs a command once', async () => {
      const { id } = await create();
      const same = attempt();
      const before = under.effects('runCommand');
      const first = await command(id, under.scripts.prints, same);
      expect(await command(id, under.scripts.prints, same)).toEqual(first);
      expect(under.effects('runCommand') - before).toBe(1);
    });

    test('an attempt that comes with another command, or for another instance, is refused', async () => {
      const [one, other] = [await create(), await create()];
      const same = attempt();
      await command(one.id, under.scripts.prints, same);
      const mismatch = { kind: 'rejected', code: 'IdempotentParameterMismatch' };
      await expect(command(other.id, under.scripts.prints, same)).rejects.toMatchObject(mismatch);
      await expect(command(one.id, under.scripts.fails, same)).rejects.toMatchObject(mismatch);
    });

    test('a command that does not end is timed out', async () => {
      const { id } = await create();
      expect(await command(id, under.scripts.hangs)).toMatchObject({ outcome: 'timedOut' });
    });

    test('a dead agent is silent, and so is a stopped instance', async () => {
      const dead = await create();
      under.killAgent(dead.id);
      expect(await command(dead.id, under.scripts.prints)).toMatchObject({ outcome: 'agentSilent' });
      const stopped = await stop((await create()).id);
      expect(await command(stopped.id, under.scripts.prints)).toMatchObject({ outcome: 'agentSilent' });
    });

    test('a signal ends the waiting for a command', async () => {
      const { id } = await create();
      under.killAgent(id);
      const abort = new AbortController();
      const waiting = command(id, under.scripts.prints, attempt(), abort.signal);
      abort.abort(new Error('moved on'));
      await expect(waiting).rejects.toThrow('moved on');
    });

    test('a system event that executes is seen, on its own instance only', async () => {
      const [struck, well] = [await create(), await create()];
      expect([...(await under.cloud.executingSystemEvents([struck.id, well.id]))]).toEqual([]);
      under.executeSystemEvent(struck.id);
      expect([...(await under.cloud.executingSystemEvents([struck.id, well.id]))]).toEqual([struck.id]);
      expect([...(await under.cloud.executingSystemEvents([well.id]))]).toEqual([]);
      await under.until('the event is over', async () =>
        (await under.cloud.executingSystemEvents([struck.id])).size === 0 ? true : null,
      );
    });

    test.each(['security', 'financial'] as const)('a lock (%s) is seen, and refuses work', async (reason) => {
      const { id } = await stop((await create()).id);
      under.lock(id, reason);
      expect((await under.cloud.findInstance(id))?.locks).toEqual([reason]);
      const locked = { kind: 'rejected', code: 'InstanceLocked' };
      await expect(under.cloud.start(id)).rejects.toMatchObject(locked);
      await expect(under.cloud.replaceSystemDisk(id, under.spec.imageId, attempt())).rejects.toMatchObject(
        locked,
      );
      under.lock(id, null);
      await under.cloud.start(id);
      await untilStatus(id, 'Running');
      under.lock(id, reason);
      await expect(under.cloud.reboot(id, { force: true })).rejects.toMatchObject(locked);
      await under.cloud.deleteInstance(id);
    });

    test('safety 32: a zone that is out of stock says so at the first call, and another zone can be asked', async () => {
      under.setStock(under.spec.zone, false);
      const [made, effects] = [under.made('runInstance'), under.effects('runInstance')];
      await expect(under.cloud.runInstance(under.spec, attempt())).rejects.toMatchObject({
        kind: 'rejected',
        code: 'OutOfStock',
      });
      expect(under.made('runInstance') - made).toBe(1);
      expect(under.effects('runInstance') - effects).toBe(0);
      const id = await under.cloud.runInstance({ ...under.spec, ...under.otherZone }, attempt());
      expect((await untilStatus(id, 'Running')).zone).toBe(under.otherZone.zone);
      under.setStock(under.spec.zone, true);
    });

    const misfortunes: readonly Misfortune[] = ['serverError', 'gatewayError', 'reset', 'never'];

    test.each(misfortunes)(
      'safety 20: %s after a creation: asked again with its token, there is one instance',
      async (misfortune) => {
        const before = under.effects('runInstance');
        under.disturb('runInstance', misfortune, { afterEffect: true, times: 1 });
        const made = under.made('runInstance');
        const { id } = await create();
        expect(under.made('runInstance') - made).toBe(2);
        expect(under.effects('runInstance') - before).toBe(1);
        expect(under.boots(id)).toBe(1);
      },
    );

    test.each(misfortunes)(
      'safety 20: %s after a reboot: told as unclear, done once, not asked again',
      async (misfortune) => {
        const { id } = await create();
        const [made, effects] = [under.made('reboot'), under.effects('reboot')];
        under.disturb('reboot', misfortune, { afterEffect: true });
        await expect(under.cloud.reboot(id, { force: true })).rejects.toMatchObject({ kind: 'retryable' });
        expect(under.made('reboot') - made).toBe(1);
        expect(under.effects('reboot') - effects).toBe(1);
        await under.until('it has booted again', async () => (under.boots(id) === 2 ? true : null));
      },
    );

    test.each(misfortunes)(
      'safety 20: %s before a stop: told as unclear, not done, not asked again',
      async (misfortune) => {
        const { id } = await create();
        const [made, effects] = [under.made('stop'), under.effects('stop')];
        under.disturb('stop', misfortune, { afterEffect: false });
        await expect(under.cloud.stop(id, { force: false })).rejects.toMatchObject({ kind: 'retryable' });
        expect(under.made('stop') - made).toBe(1);
        expect(under.effects('stop') - effects).toBe(0);
      },
    );

    test('safety 20: a lost answer to a new system disk, and to a command, does not double them', async () => {
      const { id } = await create();
      under.disturb('runCommand', 'reset', { afterEffect: true, times: 1 });
      const commands = under.effects('runCommand');
      expect(await command(id, under.scripts.prints)).toMatchObject({ outcome: 'exited', exitCode: 0 });
      expect(under.effects('runCommand') - commands).toBe(1);
      await stop(id);
      under.disturb('replaceSystemDisk', 'never', { afterEffect: true, times: 1 });
      const disks = under.effects('replaceSystemDisk');
      const disk = await under.cloud.replaceSystemDisk(id, under.spec.imageId, attempt());
      expect(under.effects('replaceSystemDisk') - disks).toBe(1);
      expect((await under.cloud.findInstance(id))?.systemDiskId).toBe(disk);
    });

    test.each([...misfortunes, 'throttled', 'slow'] as const)(
      'a read is repeated through %s',
      async (misfortune) => {
        const { id } = await create();
        under.disturb('listInstances', misfortune, { afterEffect: false, times: 1 });
        const { instances } = await under.cloud.listInstances(under.cluster);
        expect(instances.map((instance) => instance.id)).toContain(id);
      },
    );

    test('a throttled call that has no token is made again, since it had no effect', async () => {
      const { id } = await create();
      const effects = under.effects('reboot');
      under.disturb('reboot', 'throttled', { afterEffect: false, times: 1 });
      await under.cloud.reboot(id, { force: true });
      expect(under.effects('reboot') - effects).toBe(1);
    });

    test('safety 3: a list that can not be read is a failure, never empty', async () => {
      await create();
      for (const misfortune of ['serverError', 'reset', 'throttled'] as const) {
        under.disturb('listInstances', misfortune, { afterEffect: false });
        await expect(under.cloud.listInstances(under.cluster)).rejects.toBeInstanceOf(Failure);
        under.calm();
      }
    });

    test('safety 3: a list of many pages is whole, each instance once; a page that fails fails all of it', async () => {
      const many = 130;
      const cluster = 'many';
      const spec = { ...under.spec, tags: { ...under.spec.tags, 'wdrip.io/cluster': cluster } };
      const ids: string[] = [];
      for (let count = 0; count < many; count += 10) {
        const batch = Array.from({ length: 10 }, () => under.cloud.runInstance(spec, attempt()));
        ids.push(...(await Promise.all(batch)));
      }
      // The newest may not be listed yet: that is why absence from a list is no proof of anything.
      const listed = await under.until('all are listed', async () => {
        const { instances } = await under.cloud.listInstances(cluster);
        return instances.length >= many ? instances : null;
      });
      expect(listed.map(({ id }) => id).sort()).toEqual([...ids].sort());

      under.throttleAfter('listInstances', 1);
      await expect(under.cloud.listInstances(cluster)).rejects.toMatchObject({ kind: 'throttled' });
    });
  });
}
