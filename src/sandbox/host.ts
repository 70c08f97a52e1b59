/**
 * Where the sandbox's instances run: each is a directory (its system disk), an address in 127.0.0.0/8, and a tree of processes under
 * a small init. The cloud's model (states, preconditions, answers) knows nothing of processes, and this knows nothing of ECS.
 */
export interface InstanceHost {
  /**
   * Boots the instance: starts its init, which runs the user data if this is the disk's first boot, then the enabled units. Resolves
   * when the init runs (not when the units do). Rejects if it can't boot; the instance then has no processes.
   */
  boot(instance: HostedInstance): Promise<void>;
  /**
   * Ends the tree: units are stopped in order, within `graceMs`; with `force`, or after that, all of it is killed. Resolves when no
   * process is left. One that is not running is no error.
   */
  shutdown(id: string, options: { readonly force: boolean; readonly graceMs: number }): Promise<void>;
  /** Empties the system disk: the next boot is a first boot. Only while it is shut down. */
  wipe(id: string): Promise<void>;
  /** Removes every trace. Only while it is shut down. */
  destroy(id: string): Promise<void>;
  /** Runs a shell script through the instance's agent, as Cloud Assistant does. `agentSilent` if the agent unit does not answer. */
  run(
    id: string,
    script: string,
    options: { readonly timeoutMs: number },
  ): Promise<
    | { readonly outcome: 'exited'; readonly exitCode: number; readonly output: string }
    | { readonly outcome: 'timedOut'; readonly output: string }
    | { readonly outcome: 'agentSilent' }
  >;
  /** Called when an instance's init ended by itself: the instance is then Stopped in the cloud's eyes. */
  onExit(listener: (id: string) => void): void;
  /** Shuts every instance down, by force. */
  close(): Promise<void>;
}

export interface HostedInstance {
  readonly id: string;
  /** Its private address, in 127.0.0.0/8. */
  readonly ip: string;
  /** Run at the disk's first boot, as root would: `#!` script text. */
  readonly userData: string;
  /** Base URL of this instance's own metadata service, such as `http://127.0.1.1:18100`: what 100.100.100.200 is to a real one. */
  readonly metadataUrl: string;
}
