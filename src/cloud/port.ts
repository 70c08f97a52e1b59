/**
 * What wdrip needs of the cloud, in its own words. All methods throw `Failure` (src/failure.ts). Every method that changes something
 * takes the attempt that asks for it: asked again with the same attempt, it must not take effect twice. Where the API takes a
 * ClientToken the attempt is it; where it doesn't, the effects look first (design.md section 3).
 *
 * A `Failure` of kind `notFound` says that the instance itself does not exist, and nothing else does: a missing image or key is
 * `rejected`. Codes that callers may act on: `InstanceLocked` (rejected), `OutOfStock` (rejected), `Busy` (retryable, and certainly
 * without effect), `Unreachable` (likewise), `NoAnswer` and `BadAnswer` (retryable; whether it took effect is open).
 */

/** `Pending`, `Starting`, `Running`, `Stopping`, `Stopped`: ECS's own words. */
export type InstanceStatus = 'Pending' | 'Starting' | 'Running' | 'Stopping' | 'Stopped';

export interface Instance {
  readonly id: string;
  readonly status: InstanceStatus;
  readonly zone: string;
  readonly privateIp: string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Reasons for which the cloud refuses work on it, such as `security` or `financial` (OperationLocks.LockReason). */
  readonly locks: readonly string[];
  /** When it last started, as the cloud says, to the minute: `2026-11-24T13:05Z`. Empty if it never did. */
  readonly startedAt: string;
  /** Null in a list, which does not tell it, and while the instance has none. */
  readonly systemDiskId: string | null;
  readonly imageId: string;
  readonly instanceType: string;
}

/** An answer that is whole: every page was read. A list that could not be read to its end is a `Failure`, never a short list. */
export interface InstanceList {
  readonly instances: readonly Instance[];
  /** When the first page was asked for, in epoch ms of our clock. What changed since is not in it. */
  readonly askedAt: number;
}

export interface InstanceSpec {
  readonly zone: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly securityGroupId: string;
  readonly vSwitchId: string;
  readonly ramRole: string;
  readonly systemDisk: { readonly sizeGiB: number; readonly category: string };
  readonly tags: Readonly<Record<string, string>>;
  /** At most 16 KB before base64, and never a secret: every pod on the instance can read it. */
  readonly userData: string;
}

/** What any changing call may be given besides. */
export interface Asking {
  /** Once it is aborted the call is not made (again) and nothing is waited for: the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Asked right before each try of the call, which is made only if this resolves: a call that the cloud is too busy for is tried for a
   * minute, in which much can change. What it rejects with is thrown as it is.
   */
  readonly before?: (() => Promise<void>) | undefined;
}

/** The end of a command that Cloud Assistant was asked to run. */
export type CommandResult =
  | { readonly outcome: 'exited'; readonly exitCode: number; readonly output: string }
  /** The agent did not take it (ClientNotRunning, ClientNotResponse, DeliveryTimeout, InstanceNotRunning). */
  | { readonly outcome: 'agentSilent'; readonly code: string }
  | { readonly outcome: 'timedOut'; readonly output: string };

export interface Cloud {
  readonly region: string;
  /** All instances that carry the tag `wdrip.io/cluster: <cluster>`, in every state. */
  listInstances(cluster: string): Promise<InstanceList>;
  /** One instance, or null if the cloud says that it does not exist (InvalidInstanceId.NotFound): proof, unlike its absence in a list. */
  findInstance(id: string): Promise<Instance | null>;
  /**
   * Whether this account has the security group in this region. One that a cluster's configuration names is proof that the credentials and
   * the region are the cluster's: an account without any of its instances answers every other question as a deleted cluster's would.
   */
  hasSecurityGroup(id: string): Promise<boolean>;
  /** Ids (of those given) on which the cloud is executing a SystemFailure event of its own now. */
  executingSystemEvents(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** `reboot` needs Running; by force it is a power cycle. No ClientToken: look first. Returns as soon as the cloud has taken it. */
  reboot(id: string, options: Asking & { readonly force: boolean }): Promise<void>;
  /** Needs Stopped. No ClientToken: look first. */
  start(id: string, options?: Asking): Promise<void>;
  /** Needs Running. Keeps charging, so that its capacity is not lost. No ClientToken: look first. */
  stop(id: string, options: Asking & { readonly force: boolean }): Promise<void>;
  /** Needs Stopped: the next first boot (after `replaceSystemDisk`) runs it. */
  setUserData(id: string, userData: string, options?: Asking): Promise<void>;
  /** Needs Stopped. Returns the new disk's id; the instance stays Stopped. */
  replaceSystemDisk(id: string, imageId: string, attempt: string, options?: Asking): Promise<string>;
  /**
   * Deletes it in whatever state. One that does not exist is no error. No ClientToken: look first. In a passing state (Pending, Starting,
   * Stopping) the cloud refuses; that is waited out for a while, then told as `Busy`: ask again.
   */
  deleteInstance(id: string, options?: Asking): Promise<void>;
  /** Creates one instance and returns its id at once, while it is still Pending. */
  runInstance(spec: InstanceSpec, attempt: string, options?: Asking): Promise<string>;
  /** Runs a shell script on the instance as root and waits for its end, at most `timeoutMs` plus the delivery time of a minute. */
  runCommand(
    id: string,
    script: string,
    options: Asking & {
      readonly timeoutMs: number;
      readonly attempt: string;
      readonly signal: AbortSignal;
    },
  ): Promise<CommandResult>;
}

/** Tags of an instance that wdrip reads and writes. An instance without this cluster's tag is never touched. */
export const cloudTags = {
  cluster: 'wdrip.io/cluster',
  pool: 'wdrip.io/pool',
  slot: 'wdrip.io/slot',
  role: 'wdrip.io/role',
} as const;

/** Codes of `retryable` failures that prove that the call did nothing: it may be made again as it was. Any other may have taken effect. */
export const codesWithoutEffect: readonly string[] = ['Busy', 'Unreachable'];

/** The name that an instance's node registers with: `<private ip>.<instance id>`. */
export function nodeNameOf(instance: Pick<Instance, 'privateIp' | 'id'>): string {
  return `${instance.privateIp ?? ''}.${instance.id}`;
}
