import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  accessSync,
  constants,
  createWriteStream,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Agent, get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from './until.ts';

/** A real kube-apiserver on a real etcd, on loopback, with nothing else: whoever uses it plays kubelet and controllers. */
export interface ApiServer {
  readonly server: string;
  /** A kubeconfig that may do everything. */
  readonly admin: string;
  /** A kubeconfig with another bearer token. */
  kubeconfig(token: string): string;
  /** What was asked since the start, as the server's audit log has it. */
  audit(): readonly AuditEntry[];
  /** SIGKILL, and its end awaited. */
  kill(program: 'etcd' | 'kube-apiserver'): Promise<void>;
  /** Starts it again on the same data and port, and waits until it serves. */
  restart(program: 'etcd' | 'kube-apiserver'): Promise<void>;
  /** SIGSTOP: connections stay open and nothing comes. */
  freeze(program: 'etcd' | 'kube-apiserver'): void;
  thaw(program: 'etcd' | 'kube-apiserver'): void;
  /** Where its etcd answers, as `http://host:port`. */
  readonly etcdEndpoint: string;
  stop(): Promise<void>;
}

export interface AuditEntry {
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  /** `pods`, or `pods/eviction` for a subresource. */
  readonly resource: string;
  readonly namespace: string;
  readonly httpStatus: number;
}

const ADMIN_TOKEN = 'admin-of-a-test';
/** A cold start on a busy machine. */
const START_MS = 60_000;

/** The path of a program: in `folder`, else in WDRIP_PROGRAMS, else on PATH. Null if it is nowhere. */
export function findProgram(name: string, folder = process.env.WDRIP_PROGRAMS): string | null {
  const folders = folder ? [folder] : (process.env.PATH ?? '').split(delimiter);
  for (const one of folders) {
    try {
      accessSync(join(one, name), constants.X_OK);
      return join(one, name);
    } catch {
      // Not there: the next one.
    }
  }
  return null;
}

/** Starts both programs in a folder of their own under the system's temporary one. Rejects if they don't serve within a minute. */
export async function startApiServer(
  options: { readonly programs?: string | undefined } = {},
): Promise<ApiServer> {
  const etcd = findProgram('etcd', options.programs);
  const apiserver = findProgram('kube-apiserver', options.programs);
  if (!etcd || !apiserver)
    throw new Error('etcd and kube-apiserver are neither in WDRIP_PROGRAMS nor on PATH');

  const folder = mkdtempSync(join(tmpdir(), 'wdrip-api-'));
  const inFolder = (name: string) => join(folder, name);
  const [clientPort, peerPort, securePort] = await Promise.all([freePort(), freePort(), freePort()]);
  const etcdEndpoint = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const server = `https://127.0.0.1:${securePort}`;

  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(inFolder('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(inFolder('tokens.csv'), `${ADMIN_TOKEN},admin,admin,system:masters\n`);
  writeFileSync(
    inFolder('audit.yaml'),
    'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n',
  );

  const commands = {
    etcd: [
      etcd,
      `--data-dir=${inFolder('etcd')}`,
      `--listen-client-urls=${etcdEndpoint}`,
      `--advertise-client-urls=${etcdEndpoint}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync=true',
      '--log-level=warn',
    ],
    'kube-apiserver': [
      apiserver,
      `--etcd-servers=${etcdEndpoint}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${securePort}`,
      `--cert-dir=${inFolder('certs')}`,
      `--token-auth-file=${inFolder('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--enable-bootstrap-token-auth=true',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${inFolder('sa.key')}`,
      `--service-account-signing-key-file=${inFolder('sa.key')}`,
      '--service-cluster-ip-range=10.96.0.0/24',
      '--endpoint-reconciler-type=none',
      '--disable-admission-plugins=ServiceAccount',
      `--audit-policy-file=${inFolder('audit.yaml')}`,
      `--audit-log-path=${inFolder('audit.log')}`,
    ],
  } as const;

  const running = new Map<string, ChildProcess>();
  const start = (program: keyof typeof commands) => {
    const [path, ...flags] = commands[program];
    const log = createWriteStream(inFolder(`${program}.log`), { flags: 'a' });
    const child = spawn(path ?? '', flags, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once('exit', () => log.end());
    running.set(program, child);
  };
  const kill = async (program: keyof typeof commands) => {
    const child = running.get(program);
    running.delete(program);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  /** Ready only with its etcd, so this is asked after a start of either. */
  const serves = () => until('the API server is ready', () => isReady(server), START_MS);

  const kubeconfig = (token: string) =>
    [
      'apiVersion: v1',
      'kind: Config',
      'current-context: test',
      'contexts: [{name: test, context: {cluster: test, user: test}}]',
      `clusters: [{name: test, cluster: {server: '${server}', certificate-authority: '${inFolder('certs/apiserver.crt')}'}}]`,
      `users: [{name: test, user: {token: '${token}'}}]`,
      '',
    ].join('\n');

  const stop = async () => {
    await kill('kube-apiserver');
    await kill('etcd');
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    start('etcd');
    start('kube-apiserver');
    await serves();
  } catch (error) {
    const said = readFileSync(inFolder('kube-apiserver.log'), 'utf8').slice(-2000);
    await stop();
    throw new Error(`The API server did not start. Its last words: ${said}`, { cause: error });
  }

  return {
    server,
    admin: kubeconfig(ADMIN_TOKEN),
    kubeconfig,
    etcdEndpoint,
    audit: () => readFileSync(inFolder('audit.log'), 'utf8').split('\n').flatMap(auditEntry),
    kill,
    async restart(program) {
      start(program);
      await serves();
    },
    freeze: (program) => void running.get(program)?.kill('SIGSTOP'),
    thaw: (program) => void running.get(program)?.kill('SIGCONT'),
    stop,
  };
}

function auditEntry(line: string): AuditEntry[] {
  if (line === '') return [];
  const { user, verb, objectRef, responseStatus } = JSON.parse(line);
  if (!objectRef) return [];
  const resource = objectRef.subresource
    ? `${objectRef.resource}/${objectRef.subresource}`
    : objectRef.resource;
  return [
    {
      user: user.username,
      verb,
      group: objectRef.apiGroup ?? '',
      resource,
      namespace: objectRef.namespace ?? '',
      httpStatus: responseStatus?.code ?? 0,
    },
  ];
}

/** True if the API server says that it is ready. Its certificate is not looked at: this is only whether it is up. */
function isReady(server: string): Promise<boolean> {
  return new Promise((resolve) => {
    const agent = new Agent({ rejectUnauthorized: false });
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const request = get(`${server}/readyz`, { agent, headers, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
