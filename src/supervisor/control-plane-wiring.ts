import { readFile } from 'node:fs/promises';
import { kmsKey } from '../backup/keys/kms-key.ts';
import { localKey } from '../backup/keys/local-key.ts';
import type { ClusterMaterial } from '../bootstrap/cluster-material.ts';
import { controlPlaneUserData } from '../bootstrap/control-plane-user-data.ts';
import { createAlibabaLoadBalancers } from '../cloud/alibaba-load-balancers.ts';
import { createKeyService } from '../cloud/kms.ts';
import type { AlibabaOptions } from '../cloud/sdk.ts';
import { createEtcd, type EtcdClient } from '../etcd/adapter.ts';
import { Failure } from '../failure.ts';
import type { Random } from '../runtime/random.ts';
import { type BackupService, createBackupService } from './backup-service.ts';
import type { SupervisorConfig } from './config.ts';
import {
  askForBackup,
  type ControlPlaneWorlds,
  type ControlPlaneWorldsParts,
  controlPlaneWorlds,
} from './control-plane-worlds.ts';
import { masterHost } from './master-host.ts';
import { currentHistory, isRecovering } from './recoveries.ts';

/** What the effects of masters, quorum, recoveries and backups act on, on the real parts. */
export interface ControlPlaneSide extends ControlPlaneWorlds {
  readonly etcd: EtcdClient;
  readonly backup: BackupService | null;
  close(): Promise<void>;
}

export interface ControlPlaneSideParts
  extends Pick<
    ControlPlaneWorldsParts,
    'cloud' | 'kubernetes' | 'clock' | 'log' | 'supervisor' | 'runtime' | 'world'
  > {
  readonly config: SupervisorConfig;
  readonly material: ClusterMaterial;
  readonly random: Random;
}

/** Null if the configuration has no way into etcd. Throws `Failure` `BadConfiguration` if its files can't be read. */
export async function createControlPlaneSide(parts: ControlPlaneSideParts): Promise<ControlPlaneSide | null> {
  const { config, cloud, clock, random, log } = parts;
  const { controlPlane } = config;
  if (config.etcd === undefined || controlPlane === undefined) return null;
  const [ca, certificate, key] = await Promise.all(
    [config.etcd.caFile, config.etcd.certFile, config.etcd.keyFile].map(pem),
  );
  const etcd = createEtcd({ tls: { ca: ca ?? '', cert: certificate ?? '', key: key ?? '' }, clock });
  const alibaba: AlibabaOptions = {
    ...config.cloud,
    credentials: config.cloud,
    clock,
    random,
    log: (note) => log.warn('the cloud is asked again', { ...note }),
  };
  const backup =
    config.backup === undefined
      ? null
      : await createBackupService({
          config: { ...config, backup: config.backup },
          etcd,
          key:
            config.backup.kmsKeyId === undefined
              ? await localKey({ path: config.backup.keyFile ?? '', random, create: true })
              : kmsKey(createKeyService(alibaba), config.backup.kmsKeyId),
          scratchEtcd: () => createEtcd({ tls: null, clock }),
          clock,
          random,
          log,
          endpoints: () => parts.supervisor().controlPlane?.endpoints() ?? [],
          history: () => currentHistory(parts),
          recovering: () => isRecovering(parts.runtime()),
          kubernetesVersion: () => parts.kubernetes.version(),
          wanted: (reason) => askForBackup(parts, reason),
        });
  const loadBalancers = createAlibabaLoadBalancers(alibaba);
  const worlds = controlPlaneWorlds({
    ...parts,
    controlPlane,
    etcd,
    loadBalancers,
    host: masterHost(config.cluster, cloud),
    backup,
    userData: () => controlPlaneUserData(parts.material, []),
  });
  return {
    etcd,
    ...worlds,
    backup,
    async close() {
      await backup?.stop();
      etcd.close();
    },
  };
}

async function pem(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new Failure(
      {
        kind: 'rejected',
        code: 'BadConfiguration',
        message: `${path}, with which wdrip logs in to etcd, can't be read (${cause.code ?? cause.message})`,
      },
      { cause },
    );
  });
}
