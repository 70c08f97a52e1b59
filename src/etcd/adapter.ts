import type { IMember, IMemberListResponse } from 'etcd3';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import { applyChanges } from './apply.ts';
import { type CallOptions, Connections, type TlsMaterial } from './connections.ts';
import { failureOf } from './failures.ts';
import { deadlines } from './limits.ts';
import { decimalOf, hexOf, numberOf } from './numbers.ts';
import type { Alarm, Asking, Endpoint, Etcd, Health, Member, MemberStatus, Membership } from './port.ts';
import { verified } from './snapshot.ts';
import { SnapshotCall } from './snapshot-call.ts';
import { messagesOf } from './stream.ts';
import { watchAll } from './watch.ts';

export type { TlsMaterial } from './connections.ts';

/** The port on real etcd, and the end of it. */
export interface EtcdClient extends Etcd {
  /** Closes every connection. What is under way fails with `NoAnswer`, what is asked later with `Unreachable`. */
  close(): void;
}

/** The adapter on etcd3. `tls` null: without TLS, for a scratch etcd on this machine. */
export function createEtcd(options: { readonly tls: TlsMaterial | null; readonly clock: Clock }): EtcdClient {
  const { clock } = options;
  const connections = new Connections(options.tls, clock);
  type Client = ReturnType<Connections['client']>;
  const ask = <T>(
    endpoint: Endpoint,
    what: string,
    ms: number,
    asking: Asking | undefined,
    run: (client: Client, call: CallOptions) => Promise<T>,
  ) => connections.ask(endpoint, what, ms, asking, run);
  const read = <T>(
    endpoints: readonly Endpoint[],
    what: string,
    asking: Asking | undefined,
    run: (client: Client, call: CallOptions) => Promise<T>,
  ) => connections.askOneOf(endpoints, true, (each) => ask(each, what, deadlines.question, asking, run));
  const change = <T>(
    endpoints: readonly Endpoint[],
    what: string,
    asking: Asking | undefined,
    run: (client: Client, call: CallOptions) => Promise<T>,
  ) => connections.askOneOf(endpoints, false, (each) => ask(each, what, deadlines.change, asking, run));
  const membersOf = async (endpoint: Endpoint, linearizable: boolean, asking?: Asking) =>
    membershipOf(
      await ask(endpoint, 'the members', deadlines.question, asking, (client, call) =>
        client.cluster.memberList({ linearizable }, call),
      ),
      endpoint,
    );
  const status = async (endpoint: Endpoint, asking?: Asking): Promise<MemberStatus> => {
    const answer = await ask(endpoint, 'the status', deadlines.question, asking, (client, call) =>
      client.maintenance.status(call),
    );
    return {
      memberId: hexOf(answer.header.member_id),
      clusterId: hexOf(answer.header.cluster_id),
      version: answer.version,
      databaseBytes: numberOf(answer.dbSize, 'a size'),
      databaseInUseBytes: numberOf(answer.dbSizeInUse, 'a size'),
      leader: answer.leader === '0' ? null : hexOf(answer.leader),
      raftTerm: numberOf(answer.raftTerm, 'a raft term'),
      raftIndex: numberOf(answer.raftIndex, 'a raft index'),
      raftAppliedIndex: numberOf(answer.raftAppliedIndex, 'a raft index'),
      revision: numberOf(answer.header.revision, 'a revision'),
      learner: answer.isLearner,
      alarms: answer.errors.flatMap(alarmIn),
    };
  };
  return {
    members: (endpoints, asking) =>
      connections.askOneOf(endpoints, true, (endpoint) => membersOf(endpoint, true, asking)),
    rememberedMembers: (endpoint, asking) => membersOf(endpoint, false, asking),
    status,
    async health(endpoint, kind, asking): Promise<Health> {
      const since = clock.now();
      try {
        const { header } = await ask(endpoint, `a ${kind} read`, deadlines.question, asking, (client, call) =>
          client.kv.range({ key: Buffer.from('health'), serializable: kind === 'serializable' }, call),
        );
        return {
          healthy: true,
          revision: numberOf(header.revision, 'a revision'),
          tookMs: clock.now() - since,
        };
      } catch (caught) {
        if (!(caught instanceof Failure)) throw caught;
        return { healthy: false, code: caught.code, why: caught.message };
      }
    },
    async alarms(endpoints, asking) {
      const { alarms } = await read(endpoints, 'the alarms', asking, (client, call) =>
        client.maintenance.alarm({ action: 'Get', alarm: 'None' }, call),
      );
      return alarms.flatMap(({ memberID, alarm }): readonly Alarm[] =>
        alarm === 'None'
          ? []
          : [{ memberId: hexOf(memberID), kind: alarm === 'Nospace' ? 'noSpace' : 'corrupt' }],
      );
    },
    async disarm(endpoints, { memberId, kind }, asking) {
      await change(endpoints, `disarming ${kind} of ${memberId}`, asking, (client, call) =>
        client.maintenance.alarm(
          {
            action: 'Deactivate',
            memberID: decimalOf(memberId),
            alarm: kind === 'noSpace' ? 'Nospace' : 'Corrupt',
          },
          call,
        ),
      );
    },
    async addLearner(endpoints, peerUrls, asking) {
      const { member } = await change(
        endpoints,
        `a learner at ${peerUrls.join(', ')}`,
        asking,
        (client, call) => client.cluster.memberAdd({ peerURLs: [...peerUrls], isLearner: true }, call),
      );
      return memberOf(member);
    },
    async promote(endpoints, id, asking) {
      await change(endpoints, `the promotion of ${id}`, asking, (client, call) =>
        client.cluster.memberPromote({ ID: decimalOf(id) }, call),
      );
    },
    async removeMember(endpoints, id, asking) {
      await change(endpoints, `the removal of ${id}`, asking, (client, call) =>
        client.cluster.memberRemove({ ID: decimalOf(id) }, call),
      );
    },
    async updatePeerUrls(endpoints, id, peerUrls, asking) {
      await change(endpoints, `${id} at ${peerUrls.join(', ')}`, asking, (client, call) =>
        client.cluster.memberUpdate({ ID: decimalOf(id), peerURLs: [...peerUrls] }, call),
      );
    },
    async moveLeader(leader, toId, asking) {
      await ask(leader, `the lead to ${toId}`, deadlines.change, asking, (client, call) =>
        client.maintenance.moveLeader({ targetID: decimalOf(toId) }, call),
      );
    },
    async hash(endpoint, revision, asking) {
      const answer = await ask(endpoint, 'a hash of all keys', deadlines.hash, asking, (client, call) =>
        client.hashKeys({ revision: revision ?? 0 }, call),
      );
      return {
        hash: Number(answer.hash),
        hashRevision: revision ?? numberOf(answer.header.revision, 'a revision'),
        compactRevision: numberOf(answer.compact_revision, 'a revision'),
      };
    },
    async snapshot(endpoint, asking) {
      const what = `a snapshot of ${endpoint}`;
      const { version } = await status(endpoint, asking);
      const call = connections.call(endpoint, (tls) => new SnapshotCall(endpoint, tls));
      const idleMs = asking?.timeoutMs ?? deadlines.snapshotPiece;
      const idle = () =>
        new Failure({
          kind: 'retryable',
          code: 'NoAnswer',
          message: `${what}: no more bytes for ${idleMs} ms`,
        });
      const pieces = messagesOf(call, { clock, idleMs, idle, signal: asking?.signal });
      const first = await pieces.next().catch((caught: unknown) => {
        throw failureOf(caught, what);
      });
      asking?.signal?.throwIfAborted();
      if (first.done)
        throw new Failure({
          kind: 'retryable',
          code: 'NoAnswer',
          message: `${what}: it ended without a byte`,
        });
      return { version, ...verified(first.value, pieces, what, asking?.signal) };
    },
    async defragment(endpoint, asking) {
      await ask(endpoint, 'its defragmentation', deadlines.defragment, asking, (client, call) =>
        client.maintenance.defragment(call),
      );
    },
    async compact(endpoints, revision, asking) {
      await change(endpoints, `a compaction at ${revision}`, asking, (client, call) =>
        client.kv.compact({ revision, physical: true }, call),
      );
    },
    watch: (endpoint, watching) => watchAll({ connections, clock, status }, endpoint, watching),
    apply: (endpoints, revisions, applying) => applyChanges(connections, endpoints, revisions, applying),
    close: () => connections.close(),
  };
}

function membershipOf(answer: IMemberListResponse, answeredBy: Endpoint): Membership {
  return {
    clusterId: hexOf(answer.header.cluster_id),
    members: answer.members.map(memberOf),
    answeredBy,
  };
}

function memberOf({ ID, name, peerURLs, clientURLs, isLearner }: IMember): Member {
  return {
    id: hexOf(ID),
    name,
    // A member publishes its name when it first starts.
    started: name !== '',
    peerUrls: peerURLs,
    clientUrls: clientURLs,
    learner: isLearner,
  };
}

/** A status has alarms among its other troubles, in etcd's own text form. */
function alarmIn(trouble: string): readonly Alarm[] {
  const [, id, kind] = /memberID:(\d+)\s+alarm:(NOSPACE|CORRUPT)/.exec(trouble) ?? [];
  return id === undefined ? [] : [{ memberId: hexOf(id), kind: kind === 'NOSPACE' ? 'noSpace' : 'corrupt' }];
}
