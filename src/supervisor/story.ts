import type { BackupContext } from '../../machines/backup.ts';
import type { NodeContext, Rung } from '../../machines/node.ts';
import { policyValue } from '../../machines/policy.ts';
import type { QuorumContext } from '../../machines/quorum-contract.ts';
import type { RecoveryContext } from '../../machines/recovery.ts';
import type { StormContext } from '../../machines/storm.ts';
import type { Log } from '../log.ts';
import type { ActorRecord } from '../runtime/record.ts';
import type { Transition } from '../runtime/types.ts';
import { backupWords, quorumWords, recoveryWords } from './control-plane-story.ts';
import { nodeActor, statePath } from './fleet.ts';

/** One line for each change of state of an actor: read from top to bottom it is the story of a repair. */
export function tellStory(log: Log, { actor, event, before, after }: Transition): void {
  const from = before === null ? 'nothing' : statePath(before.snapshot.value);
  const to = statePath(after.snapshot.value);
  if (from === to) return;
  if (after.machine !== 'node') {
    log.info(`${actor}: ${from} → ${to}`, { event: event.type });
    return;
  }
  const { context } = nodeActor(after);
  log.info(`${context.slot}: ${from} → ${to}`, {
    event: event.type,
    node: context.nodeName ?? undefined,
    failure: before === null || context.failure === null ? undefined : context.failure.code,
  });
}

/** How a line of the story is to be taken. */
export type Tone = 'trouble' | 'work' | 'good' | 'note';

/** The same change of state in a person's words. Null where nothing changed that a person would want to hear of. */
export interface Words {
  /** The node's slot; null for what is of the whole cluster. */
  readonly slot: string | null;
  readonly text: string;
  readonly tone: Tone;
}

export function inWords({ before, after }: Transition): Words | null {
  const from = before === null ? '' : statePath(before.snapshot.value);
  const to = statePath(after.snapshot.value);
  if (from === to) return null;
  if (after.machine === 'node') {
    // The first sight of a node that is well is no news.
    if (to === 'unknown' || (to === 'healthy' && from === 'unknown')) return null;
    const { context } = nodeActor(after);
    return { slot: context.slot, ...nodeWords(from, to, context) };
  }
  if (after.machine === 'storm') return before === null ? null : { slot: null, ...stormWords(to, after) };
  // The runtime has checked the record's machine and version, so its context is what it says.
  const { context } = after.snapshot;
  if (after.machine === 'quorum') return quorumWords(from, to, context as unknown as QuorumContext);
  if (after.machine === 'recovery') return recoveryWords(from, to, context as unknown as RecoveryContext);
  if (after.machine === 'backup') return backupWords(to, context as unknown as BackupContext);
  if (to.includes('sight.blind'))
    return {
      slot: null,
      tone: 'trouble',
      text: 'the Kubernetes API is out of sight: no repair begins or escalates',
    };
  if (from.includes('sight.blind'))
    return { slot: null, tone: 'good', text: 'the cluster is seen again: every suspicion starts anew' };
  return null;
}

const doing: Readonly<Record<Rung, string>> = {
  restartingKubelet: 'restart its kubelet',
  rebooting: 'reboot its instance',
  resetting: 'give its instance a new system disk',
  replacing: 'replace its instance',
};

function isRung(text: string | undefined): text is Rung {
  return text !== undefined && text in doing;
}

function nodeWords(from: string, to: string, context: NodeContext): { text: string; tone: Tone } {
  const [top, rung, step] = to.split('.');
  const notReady = context.objectMissing
    ? 'its Node object does not exist'
    : `NotReady (${context.reason ?? 'no reason given'})`;
  if (top === 'repairing' && isRung(rung)) return rungWords(from, rung, step, context);
  switch (top) {
    case 'joining':
      return { text: 'a new instance has the slot: it has time to join', tone: 'work' };
    case 'healthy':
      return { text: 'healthy', tone: 'good' };
    case 'suspect':
      return {
        text: `${notReady}: suspected, and nothing is done for ${policyValue(context.policy, 'suspectMs') / 1_000} s`,
        tone: 'trouble',
      };
    case 'blind':
      return { text: 'out of sight: nothing is known of it, so nothing is done', tone: 'trouble' };
    case 'awaitingCloud':
      return {
        text: to.endsWith('awaitingReady')
          ? 'the cloud has brought the instance up: it has time to become Ready'
          : 'the cloud itself is at work on the instance: wdrip waits for that',
        tone: 'work',
      };
    case 'recovering':
      return { text: 'Ready again: what wdrip set on the node is lifted', tone: 'good' };
    case 'settling':
      return {
        text: `must stay Ready for ${policyValue(context.policy, 'settleMs') / 1_000} s to count as healthy`,
        tone: 'good',
      };
    case 'throttled':
      return {
        text: `the climb failed (${context.failure?.message ?? 'it did not become Ready'}): people are told, and it rests`,
        tone: 'trouble',
      };
    case 'held':
      return {
        text:
          context.instance === 'locked'
            ? 'held: the cloud has locked the instance'
            : 'held: repairs are paused',
        tone: 'trouble',
      };
    case 'retiring':
      return { text: 'nobody wants it any more: it is drained, and its instance deleted', tone: 'work' };
    case 'retired':
      return { text: 'scaled down: the slot is gone', tone: 'note' };
    default:
      return { text: to, tone: 'note' };
  }
}

function rungWords(
  from: string,
  rung: Rung,
  step: string | undefined,
  context: NodeContext,
): { text: string; tone: Tone } {
  const what = context.instance === 'stopped' && rung === 'rebooting' ? 'start its instance' : doing[rung];
  switch (step) {
    case 'admitting':
      return {
        text: `${from.endsWith('awaitingReady') ? 'still not Ready: ' : ''}asks whether it may ${what}`,
        tone: 'work',
      };
    case 'draining':
      return { text: 'may: cordons it, and moves its pods away', tone: 'work' };
    case 'confirming':
      return { text: `drained: asks once more whether it may ${what}`, tone: 'work' };
    case 'acting':
      return { text: `goes on to ${what}`, tone: 'work' };
    default:
      return { text: 'done: it has time to become Ready', tone: 'work' };
  }
}

function stormWords(to: string, record: ActorRecord): { text: string; tone: Tone } {
  // The runtime has checked the record's machine and version, so its context is what it says.
  const { scope, notReady, total } = record.snapshot.context as unknown as StormContext;
  const count = `${notReady} of ${total} nodes of ${scope}`;
  if (to === 'holding')
    return {
      text: `storm: ${count} are NotReady at once. One incident: repairs there are held`,
      tone: 'trouble',
    };
  if (to === 'confirming')
    return {
      text: `the storm in ${scope} did not pass: node by node, where a second signal confirms it`,
      tone: 'work',
    };
  return { text: `the storm in ${scope} is over`, tone: 'good' };
}
