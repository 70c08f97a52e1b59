import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Json } from '../runtime/record.ts';
import type { Runtime } from '../runtime/types.ts';
import type { BackupsOnShow } from './backup-service.ts';
import type { Chronicle } from './chronicle.ts';
import type { Supervisor } from './supervisor.ts';

/** A supervisor at work, and what is shown beside it. */
export interface Current {
  readonly supervisor: Supervisor;
  readonly runtime: Runtime;
  /** Null: the cluster has no backups. */
  readonly backups: BackupsOnShow | null;
}

/** What the HTTP interface is about: a supervisor, which in the embedded cluster can be killed and come back. */
export interface Subject {
  readonly cluster: string;
  readonly clock: Clock;
  readonly chronicle: Chronicle;
  /** Null while no supervisor runs. */
  current(): Current | null;
  /** What only the embedded cluster has to say: its speed, and what is broken. Null for a real one. */
  lab(): Json;
}

/** The supervisor at work. Throws `Failure` `SupervisorDown` while there is none. */
export function currentOf(subject: Subject): Current {
  const current = subject.current();
  if (current !== null) return current;
  throw new Failure({
    kind: 'retryable',
    code: 'SupervisorDown',
    message: 'the supervisor was killed, and is coming back: ask again in a few seconds',
  });
}
