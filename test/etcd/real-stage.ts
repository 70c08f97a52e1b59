import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Etcd3 } from 'etcd3';
import { freePorts } from '../../src/backup/free-port.ts';
import { createAuthority, issueCertificate } from '../../src/bootstrap/certificates.ts';
import { createEtcd, type EtcdClient, type TlsMaterial } from '../../src/etcd/adapter.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { sleep } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import type { EtcdStage, StagedCluster } from './stage.ts';

/** The longest that a condition is waited for, in ms, and how often it is looked at. */
const untilMs = 30_000;
const lookMs = 50;

/** A cluster is begun so often before it counts as one that does not start. */
const mostStarts = 3;

interface RealMember {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  readonly data: string;
  process: ChildProcess | null;
}

/** Real etcd on loopback, with TLS on both ports, in a folder of its own. */
export interface RealStage extends EtcdStage {
  readonly etcd: EtcdClient;
  readonly tls: TlsMaterial;
  readonly folder: string;
  /** Ends every process and removes the folder. */
  close(): Promise<void>;
}

/** `programs`: the paths of etcd and etcdutl. */
export async function realStage(
  programs: { readonly etcd: string; readonly etcdutl: string },
  clock: Clock,
): Promise<RealStage> {
  const folder = await mkdtemp(join(tmpdir(), 'wdrip-etcd-'));
  const authority = await createAuthority('etcd-ca', clock, systemRandom);
  const { certificate, key } = await issueCertificate(
    authority,
    { commonName: 'etcd', usages: ['client', 'server'], addresses: ['127.0.0.1'] },
    clock,
    systemRandom,
  );
  const file = (name: string) => join(folder, name);
  await writeFile(file('ca.crt'), authority.certificate);
  await writeFile(file('etcd.crt'), certificate);
  await writeFile(file('etcd.key'), key);
  const tls: TlsMaterial = { ca: authority.certificate, cert: certificate, key };
  const etcd = createEtcd({ tls, clock });
  const all: RealMember[] = [];
  let clusters = 0;

  const until: EtcdStage['until'] = async (what, look) => {
    for (const deadline = clock.now() + untilMs; ; ) {
      const found = await look();
      if (found !== null) return found;
      if (clock.now() > deadline) throw new Error(`not in ${untilMs} ms: ${what}`);
      await sleep(clock, lookMs);
    }
  };
  const make = async (prefix: string, name: string): Promise<RealMember> => {
    const [client, peer] = await freePorts(2);
    const member = {
      name,
      client: `https://127.0.0.1:${client}`,
      peer: `https://127.0.0.1:${peer}`,
      data: file(`${prefix}-${name}`),
      process: null,
    };
    all.push(member);
    return member;
  };
  const run = (member: RealMember, flags: readonly string[]) => {
    const log = createWriteStream(`${member.data}.log`, { flags: 'a' });
    const child = spawn(
      programs.etcd,
      [
        `--name=${member.name}`,
        `--data-dir=${member.data}`,
        `--listen-client-urls=${member.client}`,
        `--advertise-client-urls=${member.client}`,
        `--listen-peer-urls=${member.peer}`,
        `--initial-advertise-peer-urls=${member.peer}`,
        ...['', 'peer-'].flatMap((port) => [
          `--${port}cert-file=${file('etcd.crt')}`,
          `--${port}key-file=${file('etcd.key')}`,
          `--${port}trusted-ca-file=${file('ca.crt')}`,
          `--${port}client-cert-auth`,
        ]),
        '--heartbeat-interval=50',
        '--election-timeout=500',
        '--unsafe-no-fsync',
        '--log-level=warn',
        ...flags,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once('exit', () => log.end());
    member.process = child;
  };
  const kill = async (member: RealMember, signal: NodeJS.Signals = 'SIGKILL') => {
    const child = member.process;
    member.process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };
  const answers = (member: RealMember, how: 'linearizable' | 'serializable') =>
    until(`${member.name} answers`, async () => {
      if (member.process === null || member.process.exitCode !== null)
        throw new Error(`${member.name} has ended: see its log`);
      return (await etcd.health(member.client, how, { timeoutMs: 1_000 })).healthy ? true : null;
    });

  const staged = (prefix: string, members: RealMember[], flags: readonly string[]): StagedCluster => {
    const find = (name: string) => {
      const member = members.find((each) => each.name === name);
      if (member === undefined) throw new Error(`no member ${name}`);
      return member;
    };
    const signal = (name: string, which: NodeJS.Signals) => find(name).process?.kill(which);
    return {
      get endpoints() {
        return members.map(({ client }) => client);
      },
      endpoint: (name) => find(name).client,
      peerUrl: (name) => find(name).peer,
      kill: (name) => kill(find(name)),
      stop: (name) => kill(find(name), 'SIGTERM'),
      async start(name) {
        const member = find(name);
        // With data these flags are ignored. Without, it must name exactly the members that there are.
        const there = await Promise.any(
          members.filter((each) => each !== member).map((each) => etcd.rememberedMembers(each.client)),
        ).catch(() => null);
        const others = (there?.members ?? []).flatMap(({ name: other, peerUrls }) =>
          peerUrls.map((url) => `${url === member.peer ? name : other}=${url}`),
        );
        run(member, [
          ...flags,
          `--initial-cluster=${others.join(',') || `${name}=${member.peer}`}`,
          '--initial-cluster-state=existing',
        ]);
        await answers(member, 'serializable');
      },
      async forceNewCluster(name) {
        run(find(name), [...flags, '--force-new-cluster']);
        await answers(find(name), 'linearizable');
      },
      freeze: (name) => signal(name, 'SIGSTOP'),
      thaw: (name) => signal(name, 'SIGCONT'),
      wipe: (name) => rm(find(name).data, { recursive: true, force: true }),
      async declareCorrupt(name) {
        const { members: known } = await etcd.members(members.map(({ client }) => client));
        const id = known.find((each) => each.name === name)?.id;
        if (id === undefined) throw new Error(`no member ${name}`);
        const client = new Etcd3({
          hosts: [find(name).client],
          credentials: {
            rootCertificate: Buffer.from(tls.ca),
            privateKey: Buffer.from(tls.key),
            certChain: Buffer.from(tls.cert),
          },
        });
        try {
          // Its hashes differ only after a bug or a broken disk. The alarm itself can be raised by anybody.
          await client.maintenance.alarm({
            action: 'Activate',
            alarm: 'Corrupt',
            memberID: BigInt(`0x${id}`).toString(),
          });
        } finally {
          client.close();
        }
      },
      async prepare(name) {
        members.push(await make(prefix, name));
      },
    };
  };

  const begin = async (size: number, quotaBytes: number | undefined) => {
    const prefix = `c${++clusters}`;
    const members: RealMember[] = [];
    for (let n = 0; n < size; n++) members.push(await make(prefix, `m${n}`));
    const flags = quotaBytes === undefined ? [] : [`--quota-backend-bytes=${quotaBytes}`];
    const initial = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
    for (const member of members)
      run(member, [...flags, `--initial-cluster=${initial}`, `--initial-cluster-token=${prefix}`]);
    try {
      for (const member of members) await answers(member, 'linearizable');
    } catch (caught) {
      for (const member of members) await kill(member);
      throw caught;
    }
    return staged(prefix, members, flags);
  };

  return {
    etcd,
    tls,
    folder,
    until,
    nobody: async () => `https://127.0.0.1:${(await freePorts(1))[0]}`,
    async cluster(size, options = {}) {
      // A port that was free may be somebody else's by the time that etcd listens: then it ends at once.
      for (let left = mostStarts - 1; ; left -= 1) {
        try {
          return await begin(size, options.quotaBytes);
        } catch (caught) {
          if (left === 0) throw caught;
        }
      }
    },
    async restore(snapshot, options = {}) {
      const prefix = `r${++clusters}`;
      const member = await make(prefix, 'm0');
      const source = file(`${prefix}.db`);
      await writeFile(source, snapshot);
      const bump = options.bumpRevisions;
      await promisify(execFile)(programs.etcdutl, [
        'snapshot',
        'restore',
        source,
        `--name=${member.name}`,
        `--data-dir=${member.data}`,
        `--initial-cluster=${member.name}=${member.peer}`,
        `--initial-advertise-peer-urls=${member.peer}`,
        `--initial-cluster-token=${prefix}`,
        ...(bump === undefined ? [] : [`--bump-revision=${bump}`, '--mark-compacted']),
      ]);
      run(member, []);
      await answers(member, 'linearizable');
      return staged(prefix, [member], []);
    },
    async close() {
      etcd.close();
      for (const member of all) await kill(member);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
