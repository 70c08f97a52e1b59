import type { Store } from '../runtime/types.ts';

/** How a crash meets the commit in which it falls: the batch has reached the disk, or it has not. */
export interface CrashPlan {
  /** The crash comes in the commit after so many more. */
  commits: number;
  readonly written: boolean;
}

/**
 * The store as one life of the supervisor sees it. When its plan comes due it dies in the middle of a commit; from then on nothing that
 * this life does reaches the store, and nothing is answered, as after a SIGKILL.
 */
export function crashingStore(
  store: Store,
  onCrash: () => void,
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
      if (plan !== null && plan.commits-- <= 0) {
        dead = true;
        if (plan.written) await store.commit(batch);
        onCrash();
        return silence<void>();
      }
      await store.commit(batch);
      return dead ? silence<void>() : undefined;
    },
    entries: (prefix: string) => store.entries(prefix),
    get: (key: string) => store.get(key),
    close: async () => {},
  };
  return crashing;
}
