import { expect, test } from '@jest/globals';
import type { Manifest, NodeReadiness } from '../../src/bootstrap/cluster-api.ts';
import type { ClusterSpec } from '../../src/bootstrap/cluster-spec.ts';
import { type CreateClusterOptions, createCluster } from '../../src/bootstrap/create-cluster.ts';
import type { Instance, InstanceSpec } from '../../src/cloud/port.ts';
import type { Member } from '../../src/etcd/port.ts';
import { Failure } from '../../src/failure.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { impatientClock } from './impatient-clock.ts';
import { unpack } from './unpack.ts';

const template = {
  zones: ['zone-a', 'zone-b'],
  imageId: 'image',
  instanceType: 'type',
  securityGroupId: 'group',
  vSwitchId: { 'zone-a': 'switch-a', 'zone-b': 'switch-b' },
  ramRole: 'role',
  systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
};

const spec: ClusterSpec = {
  cluster: 'demo',
  objects: { region: 'cn-hangzhou', bucket: 'bucket', endpoint: '' },
  network: { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', domain: 'cluster.local' },
  sans: ['api.example.com'],
  nodeGraceSeconds: 40,
  endpointReconciler: 'lease',
  controlPlane: {
    ...template,
    replicas: 1,
    loadBalancer: { vSwitchId: 'switch-a', specification: 'slb.s1.small' },
  },
  pools: [{ ...template, id: 'workers', replicas: 3 }],
};

/** A cloud, a bucket and an API server in which everything comes to pass after some looks. */
function world(
  troubles: {
    apiDown?: boolean;
    stuck?: number;
    silentNode?: number;
    apiError?: Failure;
    masters?: number;
    lazyLearner?: boolean;
  } = {},
) {
  const asked: { spec: InstanceSpec; attempt: string }[] = [];
  const objects = new Map<string, Buffer>();
  const applied: Manifest[] = [];
  const labels: unknown[] = [];
  const looks = new Map<number, number>();
  const steps: string[] = [];
  const behind: string[] = [];
  const deleted: string[] = [];
  /** The etcd cluster: its first member is there from the beginning. */
  let members: Member[] = [member('10.0.0.1', false, true)];
  const etcdStory: string[] = [];
  const clock = impatientClock();
  const instance = (index: number): Instance => {
    const seen = (looks.get(index) ?? 0) + 1;
    looks.set(index, seen);
    const running = seen > 2 && troubles.stuck !== index;
    return {
      id: `i-${index}`,
      status: running ? 'Running' : 'Pending',
      zone: 'zone-a',
      privateIp: running ? `10.0.0.${index + 1}` : null,
      tags: {},
      locks: [],
      startedAt: '',
      systemDiskId: null,
      imageId: '',
      instanceType: '',
    };
  };
  let apiLooks = 0;
  let nodeLooks = 0;
  const options: CreateClusterOptions = {
    cloud: {
      region: 'cn-hangzhou',
      runInstance: async (what, attempt) => {
        asked.push({ spec: what, attempt });
        return `i-${asked.length - 1}`;
      },
      findInstance: async (id) => instance(Number(id.slice(2))),
    },
    loadBalancers: {
      create: async () => ({ id: 'lb-1', address: '10.0.9.9' }),
      ensureListener: async (_, { port, healthPort }) =>
        void steps.push(`listener ${port}, checks ${healthPort}`),
      addBackends: async (_, ids) => void behind.push(...ids),
    },
    etcd: () => ({
      members: async () => {
        // What was added starts by itself, one look later.
        const seen = members;
        if (!troubles.lazyLearner) members = members.map((each) => ({ ...each, started: true }));
        return { clusterId: 'c', members: seen, answeredBy: '' };
      },
      addLearner: async (endpoints, [url = '']) => {
        etcdStory.push(`add ${url} through ${endpoints.length}`);
        if (members.some(({ learner }) => learner)) throw new Error('a second learner');
        const added = { ...member('', true, false), id: url, peerUrls: [url] };
        members = [...members, added];
        return added;
      },
      promote: async (_, id) => {
        const tried = etcdStory.at(-1);
        etcdStory.push(`promote ${id}`);
        if (tried !== etcdStory.at(-1))
          throw new Failure({ kind: 'retryable', code: 'NotCaughtUp', message: 'not caught up' });
        members = members.map((each) => (each.id === id ? { ...each, learner: false } : each));
      },
      close: () => void etcdStory.push('closed'),
    }),
    objects: {
      put: async (key, content) => void objects.set(key, content),
      delete: async (key) => void deleted.push(key),
    },
    clusterApi: () => ({
      ready: async () => {
        apiLooks += 1;
        if (troubles.apiError) throw troubles.apiError;
        if (troubles.apiDown || apiLooks < 3) {
          throw new Failure({ kind: 'retryable', code: 'ApiUnreachable', message: 'connection refused' });
        }
      },
      apply: async (manifests) => void applied.push(...manifests),
      nodes: async () => {
        nodeLooks += 1;
        return asked.flatMap((_, index): readonly NodeReadiness[] =>
          index === troubles.silentNode
            ? []
            : [{ name: `10.0.0.${index + 1}.i-${index}`, ready: nodeLooks > index, why: 'NotReady: soon' }],
        );
      },
      label: async (node, what) => void labels.push({ node, what }),
      close: () => void steps.push('closed'),
    }),
    spec: { ...spec, controlPlane: { ...spec.controlPlane, replicas: troubles.masters ?? 1 } },
    clock,
    random: seededRandom(3),
    onProgress: (step) => void steps.push(step),
  };
  return { options, asked, objects, applied, labels, steps, clock, behind, deleted, etcdStory };
}

function member(address: string, learner: boolean, started: boolean): Member {
  return {
    id: address,
    name: '',
    started,
    learner,
    peerUrls: [`https://${address}:2380`],
    clientUrls: [],
  };
}

test('the control plane comes first, then its workers, and all end up Ready', async () => {
  const { options, asked, objects, applied, labels, steps } = world();
  const created = await createCluster(options);
  expect(
    asked.map(({ spec: { tags, zone, vSwitchId } }) => ({ ...tags, zone, vSwitchId })),
  ).toMatchSnapshot();
  expect(created.instances).toEqual([
    { slot: 'control-plane-0', instanceId: 'i-0', nodeName: '10.0.0.1.i-0' },
    { slot: 'workers-0', instanceId: 'i-1', nodeName: '10.0.0.2.i-1' },
    { slot: 'workers-1', instanceId: 'i-2', nodeName: '10.0.0.3.i-2' },
    { slot: 'workers-2', instanceId: 'i-3', nodeName: '10.0.0.4.i-3' },
  ]);
  expect(new Set(asked.map(({ attempt }) => attempt)).size).toBe(4);
  for (const { attempt } of asked) expect(attempt.length).toBeLessThanOrEqual(64);
  expect(labels).toEqual([
    {
      node: '10.0.0.1.i-0',
      what: { 'node-role.kubernetes.io/control-plane': '', 'node-role.kubernetes.io/master': '' },
    },
  ]);
  expect(applied.map(({ kind, metadata }) => `${kind} ${metadata.name}`).slice(0, -1)).toEqual([
    'ClusterRoleBinding wdrip:kubelet-bootstrap',
    'ClusterRoleBinding wdrip:node-autoapprove-bootstrap',
    'ClusterRoleBinding wdrip:node-autoapprove-certificate-rotation',
    'ClusterRoleBinding wdrip:apiserver-kubelet-client',
  ]);
  expect(applied.at(-1)?.kind).toBe('Secret');
  expect([...objects.keys()].map((key) => key.split('/').slice(0, 4).join('/'))).toEqual([
    'clusters/demo/bootstrap/control-plane',
    'clusters/demo/bootstrap/control-plane',
    'clusters/demo/bootstrap/worker',
  ]);
  expect(created.material.controlPlaneBundle.key).toBe([...objects.keys()][0]);
  expect(created.material.server).toBe('https://10.0.9.9:6443');
  expect(created.kubeconfig).toContain('https://10.0.9.9:6443');
  expect(steps.slice(-2)).toEqual(['4 of 4 nodes are Ready', 'closed']);
});

test('safety: only the first boot of the first master can begin an etcd cluster', async () => {
  const { options, asked, objects, deleted } = world({ masters: 3 });
  const { material } = await createCluster(options);
  const [joining = '', founding = ''] = [...objects.keys()];
  const holdsFound = async (key: string) =>
    (await unpack(objects.get(key) ?? Buffer.alloc(0))).has('etc/etcd/found');
  expect([await holdsFound(joining), await holdsFound(founding)]).toEqual([false, true]);
  // What would run its user data once more finds nothing.
  expect(deleted).toEqual([founding]);
  expect(material.controlPlaneBundle.key).toBe(joining);
  const named = asked.map(({ spec: { userData } }) => (userData.includes(founding) ? 'founding' : 'other'));
  expect(named).toEqual(['founding', 'other', 'other', 'other', 'other', 'other']);
});

test('masters join etcd one after the other as learners, and go behind the balancer when they vote', async () => {
  const { options, asked, behind, labels, etcdStory } = world({ masters: 3 });
  const created = await createCluster(options);
  const slots = created.instances.map(({ slot }) => slot);
  expect(slots.slice(0, 3)).toEqual(['control-plane-0', 'control-plane-1', 'control-plane-2']);
  expect(asked[1]?.spec.userData).toContain('https://10.0.0.1:2380');
  expect(etcdStory).toEqual([
    'add https://10.0.0.2:2380 through 1',
    'promote https://10.0.0.2:2380',
    'promote https://10.0.0.2:2380',
    'add https://10.0.0.3:2380 through 2',
    'promote https://10.0.0.3:2380',
    'promote https://10.0.0.3:2380',
    'closed',
  ]);
  expect(behind).toEqual(['i-0', 'i-1', 'i-2']);
  expect(labels).toHaveLength(3);
});

test('a learner that never starts ends the creation, and is named', async () => {
  const { options } = world({ masters: 3, lazyLearner: true });
  await expect(createCluster(options)).rejects.toThrow(
    'for the etcd member at 10.0.0.2 to vote; last seen: the learner has not started.',
  );
});

test('no user data holds a secret of the bundle that it names', async () => {
  const { options, asked, objects } = world();
  const created = await createCluster(options);
  const secrets = new Set<string>();
  for (const content of objects.values()) {
    for (const { content: text } of (await unpack(content)).values()) {
      // The first line of every P-256 key is the same: the second is the key.
      for (const [, line = ''] of text.matchAll(/PRIVATE KEY-----\n.*\n(.*)\n/g)) secrets.add(line);
      for (const [, token = ''] of text.matchAll(/token: ([a-z0-9.]+)/g)) secrets.add(token);
      for (const [, key = ''] of text.matchAll(/client-key-data: (\S+)/g)) secrets.add(key);
    }
  }
  expect(secrets.size).toBeGreaterThan(10);
  const told = asked.map(({ spec: { userData } }) => userData).join('\n');
  for (const secret of secrets) expect(told.includes(secret)).toBe(false);
  const material = JSON.stringify(created.material);
  for (const secret of secrets) expect(material.includes(secret)).toBe(false);
});

test('an API server that never answers: the error says how long, where, what was seen and where to look', async () => {
  const { options } = world({ apiDown: true });
  await expect(createCluster(options)).rejects.toMatchObject({
    kind: 'retryable',
    code: 'WaitOverdue',
    message:
      'waited 300 s for the API server at https://10.0.0.1:6443; last seen: connection refused. ' +
      'See on the instance i-0 what its user data and its units say',
  });
});

test('an instance that never runs, and a node that never joins, are named', async () => {
  await expect(createCluster(world({ stuck: 2 }).options)).rejects.toThrow(
    'waited 300 s for the instance i-2 of workers-1 to run; last seen: it is Pending.',
  );
  await expect(createCluster(world({ silentNode: 3 }).options)).rejects.toThrow(
    'last seen: workers-2 (10.0.0.4.i-3): has not registered.',
  );
});

test('what no waiting can mend ends it at once', async () => {
  const refused = new Failure({ kind: 'rejected', code: 'Api401', message: 'the API server answered 401' });
  const { options, clock } = world({ apiError: refused });
  const start = clock.now();
  await expect(createCluster(options)).rejects.toBe(refused);
  expect(clock.now() - start).toBeLessThan(10_000);
});

test('whoever gives up on it is obeyed', async () => {
  const controller = new AbortController();
  const { options } = world({ apiDown: true });
  const onProgress = (step: string) => {
    if (step.startsWith('waiting for the API server')) controller.abort(new Error('Ctrl-C'));
  };
  await expect(createCluster({ ...options, onProgress, signal: controller.signal })).rejects.toThrow(
    'Ctrl-C',
  );
});
