import type { Store } from '../runtime/types.ts';

/**
 * When a crash comes: in the commit after so many more, whose batch has reached the disk or has not; or while the records are read back,
 * after so many of them.
 */
export type CrashPlan =
  | { readonly at: 'commit'; commits: number; readonly written: boolean }
  | { readonly at: 'restore'; readonly records: number };

/**
 * The store as one life of the supervisor sees it. When its plan comes due it dies in the middle of a commit; from then on nothing that
 * this life does reaches the store, and nothing is answered, as after a SIGKILL.
 */
export function crashingStore(
  store: Store,
  onCrash: (at: CrashPlan['at']) => void,
): Store & { plan: CrashPlan | null; kill(): void } {
  let dead = false;
  const silence = <T>() => new Promise<T>(() => {});
  const crashing = {
    plan: null as CrashPlan | null,
    kill() {
      dead = true;
    },
    async commit(batch: Parameters<Store['commit']>[0]): Promise<void> {
      if (dead) return silence<void>();
      const { plan } = crashing;
      if (plan?.at === 'commit' && plan.commits-- <= 0) {
        dead = true;
        if (plan.written) await store.commit(batch);
        onCrash('commit');
        return silence<void>();
      }
      await store.commit(batch);
      return dead ? silence<void>() : undefined;
    },
    async *entries(prefix: string) {
      let read = 0;
      for await (const entry of store.entries(prefix)) {
        const { plan } = crashing;
        if (!dead && plan?.at === 'restore' && read++ >= plan.records) {
          dead = true;
          onCrash('restore');
        }
        if (dead) await silence<void>();
        yield entry;
      }
    },
    get: (key: string) => store.get(key),
    close: async () => {},
  };
  return crashing;
}
