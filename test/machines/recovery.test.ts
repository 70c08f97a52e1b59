import { describe, expect, test } from '@jest/globals';
import type { AnyMachineSnapshot } from 'xstate';
import { type RecoveryEffects, recoveryMachine } from '../../machines/recovery.ts';
import { begin, dotted, take } from './pure.ts';

const retryable = { kind: 'retryable', code: 'Unavailable', message: 'no answer' };
const backup = { kind: 'backup', id: 'b', revision: 7 };

type Step = keyof RecoveryEffects;
const outputs: Readonly<Record<Step, object>> = {
  prepareMaster: { at: 1, slot: 'control-plane-0', instanceId: 'i-0' },
  stopControlPlane: { at: 1 },
  keepOldData: { at: 1 },
  restoreData: { at: 1, revision: 9 },
  replayChanges: { at: 1, revision: 12, lost: 'nothing' },
  startControlPlane: { at: 1 },
  reconcileCluster: { at: 1 },
};

/** A recovery from a backup, driven by what its steps give. */
function recovery() {
  const begun = begin(recoveryMachine, { cluster: 'c', source: backup });
  let snapshot: AnyMachineSnapshot = begun.snapshot;
  let asked = begun.asked;
  const send = (event: { readonly type: string; readonly [key: string]: unknown }) => {
    ({ snapshot, asked } = take(recoveryMachine, snapshot, event));
  };
  const step = () => String(asked.started.at(-1)?.id);
  return {
    state: () => dotted(snapshot.value),
    context: () => snapshot.context,
    armed: () => asked.armed,
    step,
    done: (name: Step) => send({ type: `xstate.done.actor.${name}`, output: outputs[name] }),
    fails: (name: Step, error: object = retryable) => send({ type: `xstate.error.actor.${name}`, error }),
    overdue: (state: string) => send({ type: `xstate.after.stepDeadline.recovery.${state}.working` }),
    rested: (state: string) => send({ type: `xstate.after.retry.recovery.${state}.resting` }),
    upTo(name: Step) {
      while (step() !== name) this.done(step() as Step);
    },
  };
}

describe('a recovery', () => {
  test('safety 48: gives up a step before the data is in after three tries: what was kept is still there', () => {
    const run = recovery();
    run.upTo('keepOldData');
    for (let tries = 0; tries < 2; tries++) {
      run.fails('keepOldData');
      expect(run.state()).toBe('keepingOldData.resting');
      run.rested('keepingOldData');
    }
    run.fails('keepOldData');
    expect(run.state()).toBe('failed');
  });

  test.each([
    ['startControlPlane', 'startingControlPlane'],
    ['reconcileCluster', 'reconciling'],
  ] as const)(
    'safety 48: goes on with %s for as long as it takes: no API server runs until then',
    (name, state) => {
      const run = recovery();
      run.upTo(name);
      let longest = 0;
      for (let tries = 0; tries < 30; tries++) {
        if (tries % 3 === 2) run.overdue(state);
        else run.fails(name);
        expect(run.state()).toBe(`${state}.resting`);
        longest = Math.max(longest, ...run.armed().values());
        run.rested(state);
      }
      expect(longest).toBe(60_000);
      run.upTo('reconcileCluster');
      run.done('reconcileCluster');
      expect(run.state()).toBe('recovered');
    },
  );

  test('whose change log cannot be brought back starts the API without it, and says what is lost', () => {
    const failing = recovery();
    failing.upTo('replayChanges');
    for (let tries = 0; tries < 2; tries++) {
      failing.fails('replayChanges');
      failing.rested('replayingChanges');
    }
    failing.fails('replayChanges');
    expect(failing.step()).toBe('startControlPlane');
    expect(failing.context().lost).toContain('no answer');
    const slow = recovery();
    slow.upTo('replayChanges');
    slow.overdue('replayingChanges');
    expect(slow.step()).toBe('startControlPlane');
    expect(slow.context().lost).toMatch(/change log/);
  });

  test('does not leave the change log out since its master hung: that was rebooted, and says nothing of the log', () => {
    const run = recovery();
    run.upTo('replayChanges');
    for (let tries = 0; tries < 10; tries++) {
      run.fails('replayChanges', { kind: 'retryable', code: 'MasterSilent', message: 'it was started anew' });
      expect(run.state()).toBe('replayingChanges.resting');
      run.rested('replayingChanges');
    }
    run.upTo('reconcileCluster');
    expect(run.context().lost).toBe('nothing');
  });

  test.each(['replayChanges', 'startControlPlane', 'reconcileCluster'] as const)(
    'is over when its master, or the data on it, is gone in %s: the loss is found anew',
    (name) => {
      const run = recovery();
      run.upTo(name);
      run.fails(name, { kind: 'notFound', code: 'InstanceGone', message: 'the cloud has no instance i-0' });
      expect(run.state()).toBe('failed');
      const emptied = recovery();
      emptied.upTo(name);
      emptied.fails(name, { kind: 'notFound', code: 'DataLost', message: 'its data directory is empty' });
      expect(emptied.state()).toBe('failed');
    },
  );
});
