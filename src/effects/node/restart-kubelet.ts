import type { NodeEffects } from '../../../machines/node.ts';
import { Failure } from '../../failure.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';
import { announce } from './announce.ts';
import { ourInstance, persist } from './instance.ts';

/** How long `systemctl restart kubelet` may take, in ms: systemd's own stop timeout is 90 s, and then it kills. */
const restartTimeoutMs = 100_000;

/** How much of a command's output is shown in an error, in characters. */
const shownOutput = 400;

/** Rung 1. Restarting twice does no harm, so after a crash it is simply asked for again, with the same ClientToken. */
export function restartKubelet(world: World) {
  return async (
    input: NodeEffects['restartKubelet']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['restartKubelet']['output']> => {
    const { id } = await ourInstance(world, input.instanceId, context);
    announce(world, input, context, {
      type: 'Warning',
      reason: 'RestartingKubelet',
      message: `wdrip restarts the kubelet: ${input.because}`,
      rung: 'restartingKubelet',
    });
    const { attempt, clock, signal } = context;
    const result = await persist(clock, signal, () =>
      world.cloud.runCommand(id, 'systemctl restart kubelet', {
        timeoutMs: restartTimeoutMs,
        attempt,
        signal,
      }),
    );
    const at = clock.now();
    switch (result.outcome) {
      case 'agentSilent':
        return { at, agentSilent: true };
      case 'timedOut':
        throw new Failure({
          kind: 'rejected',
          code: 'KubeletRestartTimedOut',
          message: `systemctl restart kubelet on ${id} did not end within ${restartTimeoutMs / 1000} s`,
        });
      case 'exited':
        if (result.exitCode === 0) return { at, agentSilent: false };
        throw new Failure({
          kind: 'rejected',
          code: 'KubeletRestartFailed',
          message: `systemctl restart kubelet on ${id} ended with ${result.exitCode}: ${result.output.trim().slice(-shownOutput)}`,
        });
    }
  };
}
