import { describe, expect, test } from '@jest/globals';
import { createActor } from 'xstate';
import { type NodeContext, nodeMachine } from '../../machines/node.ts';
import { silentLog } from '../../src/log.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { nodeActor } from '../../src/supervisor/fleet.ts';
import { createSecondSignal } from '../../src/supervisor/second-signal.ts';
import { FakeCloud } from '../effects/fake-cloud.ts';

const input = { pool: 'a', zone: 'z', role: 'worker', nodeName: null, policy: {} } as const;

function setUp() {
  const clock = createVirtualClock();
  const cloud = new FakeCloud();
  const { id } = cloud.add();
  const context: NodeContext = {
    ...createActor(nodeMachine, { input: { ...input, slot: 's', instanceId: id } }).getSnapshot().context,
    instance: 'running',
  };
  const actor = nodeActor({
    id: 'node/s',
    machine: 'node',
    version: 1,
    sequence: 0,
    snapshot: { value: 'suspect', context: JSON.parse(JSON.stringify(context)), status: 'active' },
    since: 0,
    deadlines: {},
    effects: [],
  });
  let changes = 0;
  let asked = 0;
  cloud.runCommand = async () => {
    asked += 1;
    return { outcome: 'exited', exitCode: 3, output: 'failed' };
  };
  const signal = createSecondSignal({
    cloud,
    clock,
    random: seededRandom(1),
    log: silentLog,
    changed: () => {
      changes += 1;
    },
  });
  return { clock, signal, actor, counts: () => ({ asked, changes }) };
}

describe('the second signal', () => {
  test('is told of when it comes and when it is not good any more, and is then asked for again', async () => {
    const { clock, signal, actor, counts } = setUp();
    expect(signal.confirmed(actor)).toBe('asking');
    await clock.advance(0);
    expect(signal.confirmed(actor)).toBe('yes');
    expect(counts()).toEqual({ asked: 1, changes: 1 });
    await clock.advance(29_999);
    expect(signal.confirmed(actor)).toBe('yes');
    await clock.advance(1);
    expect(counts()).toEqual({ asked: 1, changes: 2 });
    expect(signal.confirmed(actor)).toBe('asking');
    expect(counts().asked).toBe(2);
  });

  test('leaves no timer behind when it is stopped', async () => {
    const { clock, signal, actor } = setUp();
    signal.confirmed(actor);
    await clock.advance(0);
    signal.stop();
    expect(clock.next()).toBeUndefined();
  });
});
