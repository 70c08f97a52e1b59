import type { Clock } from '../runtime/clock.ts';
import type { Json } from '../runtime/record.ts';
import type { Runtime } from '../runtime/types.ts';
import type { Chronicle } from './chronicle.ts';
import type { Supervisor } from './supervisor.ts';

/** What the HTTP interface is about: a supervisor, which in the embedded cluster can be killed and come back. */
export interface Subject {
  readonly cluster: string;
  readonly clock: Clock;
  readonly chronicle: Chronicle;
  /** Null while no supervisor runs. */
  current(): { readonly supervisor: Supervisor; readonly runtime: Runtime } | null;
  /** What only the embedded cluster has to say: its speed, and what is broken. Null for a real one. */
  lab(): Json;
}
