import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { root } from '../root.ts';
import { faultKinds } from './faults.ts';
import type { SimulationResult } from './outcome.ts';
import { replayCommand } from './replay.ts';
import { type SimulationOptions, simulate } from './simulation.ts';

/** Carries out runs, several at a time. */
export interface Jobs {
  /** How many can be at work at once. */
  readonly count: number;
  /** Rejects with what the run threw, or with `Failure` `WorkerDied`, which names the seed. */
  run(options: SimulationOptions): Promise<SimulationResult>;
  /** Ends all at once; what is still at work rejects. */
  close(): void;
}

/**
 * A run leaves nothing behind, and holds little: with a young generation of 64 MiB from the start hardly anything outlives it (a tenth of
 * the time, measured). All processors are at work already, so that collecting on several of them at once only costs.
 */
const flags = ['--min-semi-space-size=64', '--max-semi-space-size=64', '--no-parallel-scavenge'];

/** The program that this source is a part of. */
const program = fileURLToPath(new URL('bin/wdrip.js', root));

/** What a worker answers. It is this same program, so of its result only the kind is looked at. */
const answerSchema = z.union([
  z.object({
    result: z.custom<SimulationResult>((value) => z.object({ digest: z.string() }).safeParse(value).success),
  }),
  z.object({ defect: z.string() }),
]);
export type Answer = z.infer<typeof answerSchema>;

interface Work {
  readonly options: SimulationOptions;
  readonly resolve: (result: SimulationResult) => void;
  readonly reject: (why: Error) => void;
}

/** Runs in this process, one after the other. */
export function localJobs(): Jobs {
  return { count: 1, run: simulate, close: () => {} };
}

/**
 * Runs in processes of their own, started when they are needed: a run that takes its process down takes nothing else with it, and each
 * has a heap of its own. A worker ends when this process does.
 */
export function workerJobs(count: number): Jobs {
  const idle: Worker[] = [];
  const all = new Set<Worker>();
  const waiting: Work[] = [];
  let closed = false;
  const next = () => {
    while (waiting.length > 0 && (idle.length > 0 || all.size < count)) {
      const worker = idle.pop() ?? start();
      const work = waiting.shift();
      if (work) worker.take(work);
    }
  };
  const start = () => {
    const worker = new Worker(
      () => {
        idle.push(worker);
        next();
      },
      () => {
        all.delete(worker);
        if (idle.includes(worker)) idle.splice(idle.indexOf(worker), 1);
        if (!closed) next();
      },
    );
    all.add(worker);
    return worker;
  };
  return {
    count,
    run: (options) =>
      new Promise((resolve, reject) => {
        waiting.push({ options, resolve, reject });
        next();
      }),
    close() {
      closed = true;
      for (const { reject } of waiting.splice(0)) reject(calledOff());
      for (const worker of all) worker.end();
    },
  };
}

class Worker {
  readonly #child: ChildProcess;
  #work: Work | null = null;
  #ended = false;
  #gone = false;

  constructor(onFree: () => void, onGone: () => void) {
    this.#child = fork(program, ['simulate', 'worker'], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [...process.execArgv, ...flags],
    });
    this.#child.on('message', (message) => {
      const work = this.#work;
      this.#work = null;
      const answer = answerSchema.parse(message);
      if ('result' in answer) work?.resolve(answer.result);
      else work?.reject(new Error(answer.defect));
      onFree();
    });
    const gone = (how: string) => {
      if (this.#gone) return;
      this.#gone = true;
      const work = this.#work;
      this.#work = null;
      work?.reject(this.#ended ? calledOff() : died(work.options, how));
      onGone();
    };
    this.#child.once('error', (error) => gone(error.message));
    this.#child.once('exit', (code, signal) => gone(signal ?? `status ${code}`));
  }

  take(work: Work): void {
    this.#work = work;
    this.#child.send(work.options);
  }

  end(): void {
    this.#ended = true;
    this.#child.kill('SIGKILL');
  }
}

function died(options: SimulationOptions, how: string): Failure {
  return new Failure({
    kind: 'rejected',
    code: 'WorkerDied',
    message: `the process that ran seed ${options.seed} died (${how}). Run it alone: ${replayCommand(options)}`,
  });
}

function calledOff(): Failure {
  return new Failure({ kind: 'retryable', code: 'Interrupted', message: 'the run was called off' });
}

const workSchema = z.object({
  seed: z.number(),
  nodes: z.number(),
  hours: z.number(),
  zones: z.number(),
  masters: z.number().exactOptional(),
  only: z.array(z.number()).exactOptional(),
  faults: z.array(z.enum(faultKinds)).exactOptional(),
});

/** A worker's own side: carries out what it is sent, one run after the other, until whoever started it is gone. */
export function answerWork(): Promise<void> {
  const answer = (message: Answer) => process.send?.(message);
  // A terminal's Ctrl-C goes to the whole group; it is for the command to end its workers when it has told what it knows.
  process.on('SIGINT', () => {});
  process.on('message', (message) => {
    simulate(workSchema.parse(message)).then(
      (result) => answer({ result }),
      (why: unknown) => answer({ defect: why instanceof Error ? (why.stack ?? why.message) : String(why) }),
    );
  });
  return new Promise((resolve) => process.once('disconnect', resolve)).then(() => process.exit(0));
}
