import type { HostedInstance, InstanceHost } from '../../../src/sandbox/host.ts';

/** What the memory host knows of one instance. */
export interface MemoryInstance {
  running: boolean;
  agent: boolean;
  /** Empty disk: the next boot runs the user data. */
  fresh: boolean;
  /** User data that was run, in order. */
  readonly ran: string[];
  readonly shutdowns: { force: boolean; graceMs: number }[];
  boots: number;
  hosted: HostedInstance | null;
}

/** A host without processes: enough to see what the cloud asks of one. `on` answers scripts. */
export interface MemoryHost extends InstanceHost {
  readonly instances: Map<string, MemoryInstance>;
  readonly destroyed: string[];
  /** Scripts that were run, as `id: script`. */
  readonly scripts: string[];
  powerOff(id: string): void;
  /** What the next boots of this instance reject with. */
  failBoot(id: string, why: string | null): void;
}

export function memoryHost(
  answer: (id: string, script: string) => { exitCode: number; output: string } = () => ({
    exitCode: 0,
    output: 'ok\n',
  }),
): MemoryHost {
  const instances = new Map<string, MemoryInstance>();
  const failing = new Map<string, string>();
  const listeners: ((id: string) => void)[] = [];
  const destroyed: string[] = [];
  const scripts: string[] = [];
  const of = (id: string): MemoryInstance => {
    const found = instances.get(id) ?? {
      running: false,
      agent: true,
      fresh: true,
      ran: [],
      shutdowns: [],
      boots: 0,
      hosted: null,
    };
    instances.set(id, found);
    return found;
  };
  return {
    instances,
    destroyed,
    scripts,
    failBoot(id, why) {
      if (why === null) failing.delete(id);
      else failing.set(id, why);
    },
    powerOff(id) {
      of(id).running = false;
      for (const listener of listeners) listener(id);
    },
    async boot(hosted) {
      const instance = of(hosted.id);
      const why = failing.get(hosted.id);
      if (why !== undefined) throw new Error(why);
      if (instance.running) throw new Error(`${hosted.id} runs already`);
      instance.running = true;
      instance.boots += 1;
      instance.hosted = hosted;
      if (instance.fresh) instance.ran.push(hosted.userData);
      instance.fresh = false;
    },
    async shutdown(id, options) {
      const instance = of(id);
      instance.shutdowns.push(options);
      instance.running = false;
    },
    async wipe(id) {
      if (of(id).running) throw new Error(`${id} runs`);
      of(id).fresh = true;
    },
    async destroy(id) {
      if (of(id).running) throw new Error(`${id} runs`);
      instances.delete(id);
      destroyed.push(id);
    },
    async run(id, script) {
      const instance = of(id);
      if (!instance.running || !instance.agent) return { outcome: 'agentSilent' };
      scripts.push(`${id}: ${script}`);
      return { outcome: 'exited', ...answer(id, script) };
    },
    onExit(listener) {
      listeners.push(listener);
    },
    async close() {
      for (const instance of instances.values()) instance.running = false;
    },
  };
}
