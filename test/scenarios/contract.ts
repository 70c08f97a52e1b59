import { join } from 'node:path';
import { runEtcdContract } from '../etcd/contract-real.ts';
import { runKubernetesContract } from '../kubernetes/contract-real.ts';
import type { ScenarioResult } from './scenario.ts';

/** The adapters' contracts: Kubernetes' on a real API server, etcd's on real etcd. */
export async function runContract(options: {
  /** Folder that holds etcd, etcdutl and kube-apiserver. */
  readonly programs: string;
  /** Only cases that this says yes to are reported. */
  wanted(name: string): boolean;
  onResult(result: ScenarioResult): void;
}): Promise<readonly ScenarioResult[]> {
  const asResult = (
    each: { name: string; ok: boolean; tookMs: number; error?: string },
    of = 'the Kubernetes port, on a real API server',
  ): ScenarioResult => ({
    group: 'contract',
    scenario: each.name,
    ok: each.ok,
    fault: `none: the contract of ${of}`,
    faultToReadyMs: null,
    ownMs: null,
    rungs: [],
    measured: { tookMs: each.tookMs },
    failures: each.error === undefined ? [] : [each.error],
  });
  const results = await runKubernetesContract({
    programs: options.programs,
    onResult: (each) => {
      if (options.wanted(each.name)) options.onResult(asResult(each));
    },
  });
  const ofEtcd = (each: Parameters<typeof asResult>[0]) => asResult(each, 'the etcd port, on real etcd');
  const etcd = await runEtcdContract({
    programs: { etcd: join(options.programs, 'etcd'), etcdutl: join(options.programs, 'etcdutl') },
    wanted: options.wanted,
    onResult: (each) => options.onResult(ofEtcd(each)),
  });
  return [
    ...results.filter(({ name }) => options.wanted(name)).map((each) => asResult(each)),
    ...etcd.map(ofEtcd),
  ];
}
