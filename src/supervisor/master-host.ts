import { createHash } from 'node:crypto';
import {
  DAMAGED_EXIT_CODE,
  forceNewCluster,
  inspectMember,
  keepCopy,
  restoreSnapshot,
  setSeeds,
  startControlPlane,
  startMember,
  stopControlPlane,
  wipeMember,
} from '../bootstrap/etcd-commands.ts';
import { readInspection } from '../bootstrap/etcd-inspection.ts';
import type { Cloud } from '../cloud/port.ts';
import { ourInstance, persist, poll } from '../effects/node/instance.ts';
import type { MasterHost } from '../effects/quorum/world.ts';
import { Failure } from '../failure.ts';
import type { EffectContext } from '../runtime/types.ts';

/** How long a command may take, in ms: stopping everything waits for etcd to end; a snapshot of gigabytes is fetched and unpacked. */
const shortMs = 60_000;
const longMs = 900_000;
/** How much of a command's output is shown in an error, in characters. */
const shownOutput = 400;
/** What a unit is called that was started, whatever became of that. */
const started: readonly string[] = ['active', 'activating', 'failed'];
/** Between two looks at data whose etcd is just at it: one that restarts every second holds its database most of the time. */
const looks = 3;

/** The commands of src/bootstrap/etcd-commands.ts, given to a master's agent. */
export function masterHost(cluster: string, cloud: Pick<Cloud, 'runCommand' | 'findInstance'>): MasterHost {
  /** `name` tells the commands of one attempt on one instance apart: each has its own ClientToken, of at most 64 characters. */
  async function run(
    instanceId: string,
    name: string,
    script: string,
    { clock, signal, attempt }: EffectContext,
    timeoutMs = shortMs,
  ): Promise<string> {
    const of = createHash('sha256').update(`${instanceId} ${name}`).digest('hex');
    const token = `${attempt.slice(0, 40)}-${of}`.slice(0, 64);
    const result = await persist(clock, signal, () =>
      cloud.runCommand(instanceId, script, { timeoutMs, attempt: token, signal }),
    );
    switch (result.outcome) {
      case 'agentSilent':
        throw new Failure({
          kind: 'retryable',
          code: 'AgentSilent',
          message: `the agent of ${instanceId} did not take a command (${result.code})`,
        });
      case 'timedOut':
        throw commandFailed(instanceId, name, `it did not end within ${timeoutMs / 1000} s`);
      case 'exited':
        if (result.exitCode === 0) return result.output;
        if (result.exitCode === DAMAGED_EXIT_CODE)
          throw new Failure({
            kind: 'rejected',
            code: 'BackupDamaged',
            message: `${instanceId} can't use the snapshot: ${result.output.trim().slice(-shownOutput)}`,
          });
        throw commandFailed(
          instanceId,
          name,
          `it ended with ${result.exitCode}: ${result.output.trim().slice(-shownOutput)}`,
        );
    }
  }

  return {
    async restartEtcd(instanceId, context) {
      const now = context.clock.now();
      // Each asking is a restart of its own, so the time is in its name.
      await run(
        instanceId,
        `restart-${now}`,
        'set -eu\nsystemctl enable etcd\nsystemctl restart etcd\n',
        context,
      );
      await run(instanceId, `start-${now}`, startControlPlane(), context);
    },
    async lookAtData(instanceId, context) {
      for (let look = 1; ; look++) {
        try {
          const name = `look-${look}`;
          const { data, writesFail } = readInspection(await run(instanceId, name, inspectMember(), context));
          // What is being written may look broken for a moment: only what stays so is.
          if (look < looks && (data.broken !== '' || writesFail !== '')) continue;
          if (!data.exists) return { kind: 'missing', why: 'its data directory is empty', writesFail };
          if (data.broken !== '') return { kind: 'broken', why: data.broken, writesFail };
          return {
            kind: 'present',
            corrupt: data.corrupt,
            writesFail,
            memberId: data.memberId,
            clusterId: data.clusterId,
            raftTerm: data.lastTerm,
            raftIndex: data.lastIndex,
          };
        } catch (caught) {
          context.signal.throwIfAborted();
          if (!(caught instanceof Failure)) throw caught;
          return { kind: 'unknown', why: caught.message };
        }
      }
    },
    async untilSetUp(instanceId, context) {
      let look = 0;
      await poll(context.clock, context.signal, async () => {
        // A first boot takes minutes, and a person may take it away meanwhile.
        await ourInstance({ cluster, cloud }, instanceId, context);
        look += 1;
        const output = await run(instanceId, `up-${look}`, inspectMember(), context);
        // The last of the units that the first boot starts: all are there by then.
        const { units } = readInspection(output);
        return started.includes(units['kube-scheduler']) && started.includes(units.etcd) ? true : null;
      });
    },
    async joinExisting(instanceId, seeds, context) {
      await run(instanceId, 'join-stop', stopControlPlane(), context);
      await run(instanceId, 'join-keep', keepCopy(context.attempt), context, longMs);
      await run(instanceId, 'join-seeds', setSeeds(seeds), context);
      await run(instanceId, 'join-wipe', wipeMember(`${context.attempt}-wipe`), context);
      await run(instanceId, 'join-start', startControlPlane(), context);
    },
    stopControlPlane: async (instanceId, context) =>
      void (await run(instanceId, 'stop', stopControlPlane(), context)),
    startControlPlane: async (instanceId, context) =>
      void (await run(instanceId, 'start', startControlPlane(), context)),
    keepCopy: async (instanceId, context) =>
      void (await run(instanceId, 'keep', keepCopy(context.attempt), context, longMs)),
    forceNewCluster: async (instanceId, context) =>
      void (await run(instanceId, 'force', forceNewCluster(`${context.attempt}-force`), context)),
    async restoreSnapshot(instanceId, { object, bumpRevision }, context) {
      const script = restoreSnapshot(`${context.attempt}-restore`, {
        object,
        bumpRevision,
        token: `${cluster}-${context.attempt.slice(0, 8)}`,
      });
      await run(instanceId, 'restore', script, context, longMs);
      await run(instanceId, 'restore-start', startMember(), context);
    },
    startMember: async (instanceId, context) =>
      void (await run(instanceId, 'member-start', startMember(), context)),
  };
}

function commandFailed(instanceId: string, name: string, why: string): Failure {
  return new Failure({
    kind: 'retryable',
    code: 'CommandFailed',
    message: `the command ${name} on ${instanceId} failed: ${why}`,
  });
}
