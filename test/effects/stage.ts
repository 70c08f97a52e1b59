import type { EffectInput } from '../../machines/node.ts';
import { nodeEffects } from '../../src/effects/node.ts';
import { onlyOurs } from '../../src/effects/only-ours.ts';
import type { World } from '../../src/effects/world.ts';
import { type Failure, toFailure } from '../../src/failure.ts';
import type { Kubernetes, NodeFacts } from '../../src/kubernetes/port.ts';
import { silentLog } from '../../src/log.ts';
import type { Json } from '../../src/runtime/record.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { FakeCloud } from './fake-cloud.ts';

/** Thrown in the place of a checkpoint's end: the process is gone, and the effect is started again with what was written down. */
class Crash extends Error {}

export interface Stage {
  readonly cloud: FakeCloud;
  readonly kubernetesCalls: string[];
  /** Asked before what takes a running node away; throws where the node is Ready. */
  readonly notReady: { check: () => void };
  readonly input: EffectInput;
  /** Runs the effect to its end, as the runtime does; crashes it after the checkpoint or call that `crashAt` counts. */
  run(
    effect: keyof ReturnType<typeof nodeEffects>,
    input: EffectInput & Record<string, Json>,
  ): Promise<Outcome>;
  /** Starts it again with the same attempt and the progress that was written down last. */
  again(
    effect: keyof ReturnType<typeof nodeEffects>,
    input: EffectInput & Record<string, Json>,
  ): Promise<Outcome>;
  /** The process dies right after the n-th durable checkpoint from now, before whatever comes after it. */
  crashAfterCheckpoint(n: number): void;
  /** The process dies right after this action of the cloud took effect. */
  crashAfter(action: string): void;
}

export type Outcome = { readonly done: Json } | { readonly failed: string } | { readonly crashed: true };

/** A world in memory around one node, with a clock that runs by itself. */
export function stage(
  over: {
    readonly node?: Partial<NodeFacts>;
    readonly zones?: readonly string[];
    readonly masters?: World['masters'];
  } = {},
): Stage {
  const clock = createVirtualClock();
  const cloud = new FakeCloud();
  const instance = cloud.add();
  const name = `${instance.privateIp}.${instance.id}`;
  const facts: NodeFacts = {
    name,
    uid: 'u',
    instanceId: instance.id,
    labels: {},
    annotations: {},
    ready: 'Unknown',
    reason: 'NodeStatusUnknown',
    unschedulable: false,
    cordonedByWdrip: false,
    ...over.node,
  };
  const calls: string[] = [];
  let births = 0;
  const note = (call: string) => {
    calls.push(call);
  };
  const kubernetes: Kubernetes = {
    watch: () => ({ stop: async () => {} }),
    cordon: async (node) => note(`cordon ${node}`),
    uncordon: async (node) => note(`uncordon ${node}`),
    annotate: async () => {},
    drain: async (node, { unreachable }) => {
      note(`drain ${node}${unreachable ? ' unreachable' : ''}`);
      return { total: 2, evicted: 2, blocked: [], left: 0 };
    },
    releasePods: async (node) => {
      note(`release ${node}`);
      return 0;
    },
    deleteNode: async (node) => note(`deleteNode ${node}`),
    event: async () => {},
    createBootstrapToken: async () => 'abcdef.0123456789abcdef',
    version: async () => 'v1.36.3',
  };
  /** Replaced by a test in which the node becomes Ready. */
  const notReady = { check: () => {} };
  const world: World = {
    cluster: 'test',
    cloud: onlyOurs(cloud, 'test'),
    kubernetes,
    log: silentLog,
    whenSighted: async () => {},
    nodeFacts: (node) => (node === name ? facts : null),
    assertNotReady: () => notReady.check(),
    instanceSpecs: () =>
      (over.zones ?? ['a']).map((zone) => ({
        zone,
        imageId: 'm-1',
        instanceType: 't',
        securityGroupId: 's',
        vSwitchId: 'v',
        ramRole: 'r',
        systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
        tags: { 'wdrip.io/cluster': 'test' },
      })),
    prepareUserData: async () => `user data ${++births}`,
    masters: over.masters ?? null,
    requestPermit: async () => 'permit',
  };
  const effects = nodeEffects(world);
  let progress: Json = null;
  let checkpointsLeft = Number.POSITIVE_INFINITY;

  const start: Stage['run'] = async (effect, input) => {
    let ended = false;
    const running = effects[effect](
      { ...input },
      {
        actor: 'node/workers-0',
        attempt: 'attempt-1',
        signal: new AbortController().signal,
        clock,
        progress,
        checkpoint: async (written) => {
          progress = written;
          if (--checkpointsLeft <= 0) throw new Crash();
        },
      },
    ).then(
      (done): Outcome => ({ done }),
      (caught: unknown): Outcome =>
        caught instanceof Crash ? { crashed: true } : { failed: toFailure(caught).code },
    );
    void running.then(() => {
      ended = true;
    });
    for (let step = 0; !ended && step < 1_000; step++) await clock.advance(250);
    return running;
  };

  return {
    cloud,
    kubernetesCalls: calls,
    notReady,
    input: {
      slot: 'workers-0',
      pool: 'workers',
      zone: 'a',
      role: 'worker',
      nodeName: name,
      instanceId: instance.id,
      because: 'NotReady',
    },
    run: (effect, input) => {
      progress = null;
      return start(effect, input);
    },
    again: start,
    crashAfterCheckpoint(n) {
      checkpointsLeft = n;
    },
    crashAfter(action) {
      checkpointsLeft = Number.POSITIVE_INFINITY;
      cloud.failAfter.set(action, new Crash() as unknown as Failure);
    },
  };
}
