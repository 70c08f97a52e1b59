/** One API call, as tests count them. */
export interface CallRecord {
  /** Epoch ms of the answer. */
  readonly at: number;
  readonly action: string;
  /** Ids, ClientToken and switches; never user data, commands or keys. */
  readonly parameters: Readonly<Record<string, string>>;
  /** `OK`, the error's code, `Reset` or `NoAnswer`: what the caller got. */
  readonly code: string;
  readonly status: number;
  /** Whether it changed anything in the cloud, whatever the caller was told. */
  readonly effect: boolean;
  readonly requestId: string;
}

/** One change of an instance. */
export interface HistoryRecord {
  /** Epoch ms. */
  readonly at: number;
  readonly instanceId: string;
  /** Null when it was created. */
  readonly from: string | null;
  /** A status, `Released`, or the same as `from` when something else happened to it. */
  readonly to: string;
  readonly why: string;
}

/** Bounds of what is kept: enough for an hour of a busy test, a few MB at most. */
const MOST_CALLS = 20_000;
const MOST_HISTORY = 20_000;

/** What happened, newest last. The oldest is forgotten first. */
export interface Journal {
  readonly calls: readonly CallRecord[];
  readonly history: readonly HistoryRecord[];
  call(record: CallRecord): void;
  change(record: HistoryRecord): void;
  clearCalls(): void;
}

export function createJournal(): Journal {
  let calls: CallRecord[] = [];
  let history: HistoryRecord[] = [];
  return {
    get calls() {
      return calls;
    },
    get history() {
      return history;
    },
    call(record) {
      calls.push(record);
      // A tenth at a time, so that a full journal does not move all of itself at every call.
      if (calls.length > MOST_CALLS) calls = calls.slice(MOST_CALLS / 10);
    },
    change(record) {
      history.push(record);
      if (history.length > MOST_HISTORY) history = history.slice(MOST_HISTORY / 10);
    },
    clearCalls() {
      calls = [];
    },
  };
}

/** Parameters worth keeping: what a call was about. */
const told = [
  /^InstanceId(s|\.\d+)?$/,
  /^ResourceId\.\d+$/,
  /^(ClientToken|ForceStop|Force|StoppedMode|ImageId|Status|InvokeId|EventType|ZoneId|InstanceType|Amount)$/,
  /^Tag\.\d+\.(Key|Value)$/,
];

/** The told ones of a call's parameters. */
export function toldParameters(parameters: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...parameters].filter(([name]) => told.some((pattern) => pattern.test(name))));
}
