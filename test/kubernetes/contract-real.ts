import { deepStrictEqual as equal, match, ok, rejects } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { CoreV1Api, KubeConfig, KubernetesObjectApi, loadAllYaml } from '@kubernetes/client-node';
import { z } from 'zod';
import { createKubernetes, type KubernetesAdapter } from '../../src/kubernetes/adapter.ts';
import type { KubernetesLimits } from '../../src/kubernetes/limits.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ApiServer, startApiServer } from './api-server.ts';
import { kubernetesContract, recordingWatcher } from './contract.ts';
import { realStage } from './real-stage.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** What came of one case. */
export interface ContractResult {
  readonly name: string;
  readonly ok: boolean;
  readonly tookMs: number;
  readonly error?: string;
}

const RBAC = new URL('../../docs/rbac.yaml', import.meta.url);
const USER = 'system:serviceaccount:kube-system:wdrip';
/** Times short enough for a test, in the proportions of the defaults. */
const QUICK: Partial<KubernetesLimits> = {
  staleMs: 2_000,
  probeMs: 300,
  probeTimeoutMs: 1_000,
  callMs: 3_000,
  quietMs: 1_500,
  backoffMostMs: 500,
};
/** How late blindness may be told beyond the stale time: a look, and a busy machine. */
const SLACK_MS = 1_500;

/**
 * The port's contract, and what only a real API can show, against a kube-apiserver on an etcd. The adapter runs with the permissions of
 * docs/rbac.yaml. `programs` is the folder that holds both programs; without it WDRIP_PROGRAMS or PATH.
 */
export async function runKubernetesContract(
  options: {
    readonly programs?: string | undefined;
    readonly onResult?: (result: ContractResult) => void;
  } = {},
): Promise<readonly ContractResult[]> {
  const results: ContractResult[] = [];
  const attempt = async (name: string, run: () => Promise<void>) => {
    const startedAt = Date.now();
    let error: string | undefined;
    try {
      await run();
    } catch (caught) {
      error = caught instanceof Error ? `${caught.message}\n${caught.stack ?? ''}` : String(caught);
    }
    const result = {
      name,
      ok: error === undefined,
      tookMs: Date.now() - startedAt,
      ...(error ? { error } : {}),
    };
    results.push(result);
    options.onResult?.(result);
  };

  const api = await startApiServer(options);
  const adapters: KubernetesAdapter[] = [];
  try {
    const kubeconfig = api.kubeconfig(await becomeWdrip(api.admin));
    const adapter = (limits: Partial<KubernetesLimits>, config = kubeconfig) => {
      const made = createKubernetes({ kubeconfig: config, clock: systemClock(), limits });
      adapters.push(made);
      return made;
    };
    // A page of two makes every list a paged one.
    const stage = realStage(adapter({ pageSize: 2 }), api.admin);
    for (const { name, run } of kubernetesContract) await attempt(name, () => run(stage));
    await attempt('docs/rbac.yaml grants exactly what was used', async () => comparePermissions(api));
    await attempt('no permission: the first word is blind, and it names what is missing', () =>
      noPermission(adapter(QUICK, api.kubeconfig('nobody'))),
    );
    await attempt(
      'a server whose certificate another authority has signed is refused, and not asked again',
      () =>
        wrongAuthority(adapter(QUICK, api.kubeconfig('any').replace(/, certificate-authority: '[^']*'/, ''))),
    );
    const quick = adapter(QUICK);
    for (const { name, run } of disturbances)
      await attempt(name, () => run(api, { ...stage, kubernetes: quick }));
  } finally {
    for (const made of adapters) made.close();
    await api.stop();
  }
  return results;
}

/** Applies docs/rbac.yaml and gives a token of the service account in it. */
async function becomeWdrip(admin: string): Promise<string> {
  const config = new KubeConfig();
  config.loadFromString(admin);
  const objects = KubernetesObjectApi.makeApiClient(config);
  const core = config.makeApiClient(CoreV1Api);
  await until('the namespaces are there', async () => {
    await core.readNamespace({ name: 'kube-node-lease' });
    return core.readNamespace({ name: 'default' });
  });
  for (const object of loadAllYaml(readFileSync(RBAC, 'utf8'))) await objects.create(object);
  const request = { spec: { audiences: ['https://kubernetes.default.svc'], expirationSeconds: 3_600 } };
  const { status } = await core.createNamespacedServiceAccountToken({
    name: 'wdrip',
    namespace: 'kube-system',
    body: request,
  });
  ok(status);
  return status.token;
}

const grantSchema = z.object({
  kind: z.string(),
  metadata: z.object({ namespace: z.string().default('') }),
  rules: z
    .array(
      z.object({
        apiGroups: z.array(z.string()),
        resources: z.array(z.string()),
        verbs: z.array(z.string()),
      }),
    )
    .default([]),
});

async function comparePermissions(api: ApiServer): Promise<void> {
  const granted = loadAllYaml(readFileSync(RBAC, 'utf8')).flatMap((object) => {
    const { kind, metadata, rules } = grantSchema.parse(object);
    const where = kind === 'Role' ? metadata.namespace : 'everywhere';
    return rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource} ${where}`)),
      ),
    );
  });
  const everywhere = new Set(['nodes', 'pods', 'pods/eviction', 'volumeattachments']);
  const ours = api.audit().filter(({ user }) => user === USER);
  const used = ours.map(
    ({ verb, group, resource, namespace }) =>
      `${verb} ${group}/${resource} ${everywhere.has(resource) ? 'everywhere' : namespace}`,
  );
  equal([...new Set(used)].sort(), [...new Set(granted)].sort());
  equal(
    ours.filter(({ httpStatus }) => httpStatus === 403),
    [],
  );
}

async function noPermission(kubernetes: KubernetesAdapter): Promise<void> {
  const seen = recordingWatcher();
  const watch = kubernetes.watch(seen.watcher);
  try {
    await until('blind', () => seen.state() === 'blind');
    match(seen.sights[0]?.why ?? '', /401.*renew/);
    await rejects(kubernetes.cordon('any'), { name: 'Failure', kind: 'rejected', code: 'Unauthorized' });
  } finally {
    await watch.stop();
  }
}

async function wrongAuthority(kubernetes: KubernetesAdapter): Promise<void> {
  const refused = { name: 'Failure', kind: 'rejected', code: 'CertificateRefused' };
  await rejects(kubernetes.cordon('any'), refused);
}

/** Runs `during` with a watch that is sighted, and checks that it is sighted again afterwards, on fresh knowledge. */
async function blindDuring(
  { kubernetes, addNode, renewLease }: Stage,
  name: string,
  during: {
    readonly begin: () => Promise<void> | void;
    readonly end: () => Promise<void> | void;
    readonly withinMs: number;
  },
): Promise<string> {
  await addNode(name);
  await renewLease(name);
  const seen = recordingWatcher();
  const watch = kubernetes.watch(seen.watcher);
  try {
    await until('sighted', () => seen.state() === 'sighted');
    const before = seen.view()?.heartbeatAt(name) ?? 0;
    const begunAt = Date.now();
    await during.begin();
    await until('blind', () => seen.state() === 'blind', during.withinMs + 20_000);
    const took = Date.now() - begunAt;
    ok(took <= during.withinMs, `blindness was told after ${took} ms`);
    const why = seen.sights.at(-1)?.why ?? '';
    const known = seen.view()?.nodes.size;
    await during.end();
    await until('sighted again', () => seen.state() === 'sighted', 60_000);
    equal(seen.order.slice(seen.order.lastIndexOf('sighted') - 1).slice(0, 2), ['changed', 'sighted']);
    equal(seen.view()?.nodes.size, known, 'no node is lost by it');
    const after = seen.view()?.heartbeatAt(name) ?? 0;
    ok(after > before && after >= begunAt, 'heartbeats count anew');
    return why;
  } finally {
    await watch.stop();
  }
}

const disturbances: readonly {
  readonly name: string;
  readonly run: (api: ApiServer, stage: Stage) => Promise<void>;
}[] = [
  {
    name: 'safety 2, safety 11: the API server is killed: blind at once, and every heartbeat counts anew afterwards',
    async run(api, stage) {
      const why = await blindDuring(stage, 'killed', {
        begin: () => api.kill('kube-apiserver'),
        end: () => api.restart('kube-apiserver'),
        withinMs: 2_000 + SLACK_MS,
      });
      match(why, /can't be reached|proved nothing/);
    },
  },
  {
    name: 'the API server hangs with its connections open: blind after the stale time',
    async run(api, stage) {
      const why = await blindDuring(stage, 'frozen', {
        begin: () => api.freeze('kube-apiserver'),
        end: () => api.thaw('kube-apiserver'),
        withinMs: 2_000 + SLACK_MS,
      });
      match(why, /proved nothing/);
    },
  },
  {
    name: 'etcd hangs under an API server that lives: blind, since only caches answer',
    async run(api, stage) {
      await blindDuring(stage, 'etcdless', {
        begin: () => api.freeze('etcd'),
        end: () => api.thaw('etcd'),
        withinMs: 2_000 + SLACK_MS,
      });
    },
  },
  {
    name: 'etcd is killed and comes back: blind, then sighted',
    async run(api, stage) {
      await blindDuring(stage, 'etcdkilled', {
        begin: () => api.kill('etcd'),
        end: () => api.restart('etcd'),
        withinMs: 2_000 + SLACK_MS,
      });
    },
  },
  {
    name: 'a quiet cluster is not blind: nothing changes for several stale times',
    async run(_api, stage) {
      const seen = recordingWatcher();
      const watch = stage.kubernetes.watch(seen.watcher);
      try {
        await until('sighted', () => seen.state() === 'sighted');
        const at = Date.now();
        await until('four stale times have passed', () => Date.now() - at > 8_000, 12_000);
        equal(seen.sights.length, 1, seen.sights.map(({ why }) => why).join());
        await stage.addNode('afterquiet');
        await until('a change is seen at once', () => seen.node('afterquiet'), 1_000);
      } finally {
        await watch.stop();
      }
    },
  },
];
