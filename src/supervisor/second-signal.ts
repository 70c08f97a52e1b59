import { setMaxListeners } from 'node:events';
import type { Cloud } from '../cloud/port.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { NodeActor } from './fleet.ts';

export interface SecondSignal {
  /** What is known of the node by another way than its heartbeat. Asks the agent if the cloud alone can't tell. */
  confirmed(actor: NodeActor): 'yes' | 'no' | 'asking';
  stop(): void;
}

/** An agent's answer is good for this long, in ms: a storm is looked at again and again, an instance need not be. */
const answerGoodForMs = 30_000;
const agentTimeoutMs = 15_000;
/** Ends with 0 only if both services run: then the node's silence has another cause, and a repair would not help. */
const script = 'systemctl is-active kubelet && systemctl is-active containerd';

interface Answer {
  readonly says: 'yes' | 'no' | 'asking';
  /** Calls off that it is forgotten. */
  readonly keep: () => void;
}

const asking: Answer = { says: 'asking', keep: () => {} };

/** Detectors can be wrong together (safety 7): in a storm that does not pass, a node is repaired only if this agrees. */
export function createSecondSignal(options: {
  readonly cloud: Cloud;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** An answer has come, or is not good any more. */
  changed(): void;
}): SecondSignal {
  const answers = new Map<string, Answer>();
  const stopping = new AbortController();
  // In a storm a whole pool is asked at once, and each question listens: that is no leak.
  setMaxListeners(0, stopping.signal);

  async function ask(id: string): Promise<void> {
    let says: Answer['says'] = 'no';
    try {
      const result = await options.cloud.runCommand(id, script, {
        timeoutMs: agentTimeoutMs,
        attempt: `probe-${options.random.hex(12)}`,
        signal: stopping.signal,
      });
      says = result.outcome === 'exited' && result.exitCode === 0 ? 'no' : 'yes';
    } catch (caught) {
      options.log.warn('the agent could not be asked for a second signal', { instance: id, error: caught });
    }
    if (stopping.signal.aborted) return;
    const keep = options.clock.after(answerGoodForMs, () => {
      answers.delete(id);
      options.changed();
    });
    answers.set(id, { says, keep });
    options.changed();
  }

  return {
    confirmed({ context }) {
      if (context.instance === 'gone' || context.instance === 'stopped') return 'yes';
      const id = context.instanceId;
      if (id === null || context.instance !== 'running') return 'no';
      const known = answers.get(id);
      if (known !== undefined) return known.says;
      answers.set(id, asking);
      void ask(id);
      return 'asking';
    },
    stop() {
      stopping.abort(new Error('stopped'));
      for (const { keep } of answers.values()) keep();
    },
  };
}
