import { runKubernetesContract } from '../kubernetes/contract-real.ts';
import type { ScenarioResult } from './scenario.ts';

/** The Kubernetes adapter's contract on a real API server. */
export async function runContract(options: {
  /** Folder that holds etcd and kube-apiserver. */
  readonly programs: string;
  /** Only cases that this says yes to are reported. */
  wanted(name: string): boolean;
  onResult(result: ScenarioResult): void;
}): Promise<readonly ScenarioResult[]> {
  const asResult = (each: { name: string; ok: boolean; tookMs: number; error?: string }): ScenarioResult => ({
    group: 'contract',
    scenario: each.name,
    ok: each.ok,
    fault: 'none: the contract of the Kubernetes port, on a real API server',
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
  return results.filter(({ name }) => options.wanted(name)).map(asResult);
}
