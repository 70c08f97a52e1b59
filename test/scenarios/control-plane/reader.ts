import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';
import { sleep } from '../../../src/runtime/clock.ts';
import { type Patience, until } from '../until.ts';
import { writerLabel, writerNamespace } from './writer.ts';

/** An informer like every controller's: it was opened before the fault, and goes on from the revision that it knows. */
export interface Reader {
  /** Waits until its cache holds what a list shows: the same objects, none beside them. Throws with the difference if it never does. */
  untilConsistent(limitMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** After an error an informer begins anew, in ms. */
const againMs = 500;

export async function openReader(kubeconfig: string, patience: Patience): Promise<Reader> {
  const { clock } = patience;
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const list = () =>
    core.listNamespacedConfigMap({ namespace: writerNamespace, labelSelector: `${writerLabel}=true` });
  const path = `/api/v1/namespaces/${writerNamespace}/configmaps`;
  const informer = makeInformer<V1ConfigMap>(config, path, list, `${writerLabel}=true`);
  const stopping = new AbortController();
  informer.on('error', () => {
    sleep(clock, againMs, stopping.signal)
      .then(() => informer.start())
      .catch(() => {});
  });
  await informer.start();

  const difference = async () => {
    const { items } = await list();
    const numbers = items.map(({ data }) => Number(data?.number));
    // The writer goes on meanwhile: what came after this list is nobody's mistake.
    const newest = Math.max(0, ...numbers);
    const [listed, cached] = [items, informer.list()].map(
      (all) =>
        new Set(
          all
            .filter(({ data }) => Number(data?.number) <= newest)
            .map(({ metadata, data }) => `${data?.number}/${metadata?.uid}`),
        ),
    ) as [Set<string>, Set<string>];
    const missing = [...listed].filter((each) => !cached.has(each));
    const ghosts = [...cached].filter((each) => !listed.has(each));
    return missing.length + ghosts.length === 0
      ? ''
      : `${missing.length} of ${listed.size} objects are missing, and ${ghosts.length} are there no more (${[...missing, ...ghosts].slice(0, 3)})`;
  };
  return {
    async untilConsistent(limitMs) {
      let trouble = '';
      await until(
        patience,
        'the informer to show what a list shows',
        limitMs,
        async () => {
          trouble = await difference();
          return trouble === '';
        },
        () => trouble,
        1_000,
      );
    },
    async stop() {
      stopping.abort(new Error('stopped'));
      await informer.stop();
    },
  };
}
