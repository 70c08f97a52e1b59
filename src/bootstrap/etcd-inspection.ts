import { z } from 'zod';
import { Failure } from '../failure.ts';

const unitState = z.string();
const id = z.string();

const schema = z.object({
  /** In systemctl's words: `active`, `activating`, `inactive`, `failed`; `unknown` if there is no such unit. */
  units: z.object({
    etcd: unitState,
    'kube-apiserver': unitState,
    'kube-apiserver-ready': unitState,
    'kube-controller-manager': unitState,
    'kube-scheduler': unitState,
  }),
  /** Why no file could be written and forced to the disk, such as that it is full. Empty: one could. */
  writesFail: z.string(),
  data: z.object({
    /** There is a write-ahead log. Without one everything below is empty or 0, and etcd waits to be added as a learner. */
    exists: z.boolean(),
    /** Hexadecimal, as etcdctl prints it. Another cluster id than the others have means another cluster. */
    memberId: id,
    clusterId: id,
    /** Raft's hard state. */
    term: z.number(),
    commit: z.number(),
    /** Of the last entry of its log, committed or not: what its data is newer or older by than another's. */
    lastTerm: z.number(),
    lastIndex: z.number(),
    /** Null if it is in use, missing or broken. */
    database: z.object({ bytes: z.number(), revision: z.number(), consistentIndex: z.number() }).nullable(),
    /** An alarm in its database says that its keys are not what the others had. False if the database can't be read. */
    corrupt: z.boolean(),
    /** An etcd is at work on it. */
    inUse: z.boolean(),
    /** What can't be read, in words. Empty: all of it can. */
    broken: z.string(),
  }),
});

/** What was found on one master. */
export type MemberInspection = Readonly<z.infer<typeof schema>>;

/** Reads the output of `inspectMember`. Throws `Failure` `BadInspection`. */
export function readInspection(output: string): MemberInspection {
  const line = output.trim().split('\n').at(-1) ?? '';
  const bad = (cause: unknown) =>
    new Failure(
      {
        kind: 'retryable',
        code: 'BadInspection',
        message: `the look at a member's data gave what can't be read: ${line.slice(0, SHOWN) || 'nothing'}`,
      },
      { cause },
    );
  try {
    return schema.parse(JSON.parse(line));
  } catch (caught) {
    throw bad(caught);
  }
}

/** How much of an unreadable answer is shown, in characters. */
const SHOWN = 200;

/** Compares two members' data: positive if `a` is newer, by raft's own rule (the last entry's term, then its index). Equal data is 0. */
export function newerData(a: MemberInspection['data'], b: MemberInspection['data']): number {
  return a.lastTerm - b.lastTerm || a.lastIndex - b.lastIndex;
}
