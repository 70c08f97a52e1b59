import { systemClock } from '../../src/runtime/clock.ts';
import { etcdContract } from './contract.ts';
import { realStage } from './real-stage.ts';

/** What came of one case. */
export interface EtcdContractResult {
  readonly name: string;
  readonly ok: boolean;
  readonly tookMs: number;
  readonly error?: string;
}

/** The port's contract against real etcd, with TLS. `programs`: the paths of both. */
export async function runEtcdContract(options: {
  readonly programs: { readonly etcd: string; readonly etcdutl: string };
  readonly wanted?: (name: string) => boolean;
  readonly onResult?: (result: EtcdContractResult) => void;
}): Promise<readonly EtcdContractResult[]> {
  const results: EtcdContractResult[] = [];
  const clock = systemClock();
  for (const { name, run } of etcdContract) {
    if (options.wanted?.(name) === false) continue;
    const startedAt = clock.now();
    let error: string | undefined;
    const stage = await realStage(options.programs, clock);
    try {
      await run(stage);
    } catch (caught) {
      error = caught instanceof Error ? (caught.stack ?? caught.message) : String(caught);
    } finally {
      await stage.close();
    }
    const tookMs = clock.now() - startedAt;
    const result = { name, ok: error === undefined, tookMs, ...(error === undefined ? {} : { error }) };
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}
