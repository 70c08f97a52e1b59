import { nodeNameOf } from '../../cloud/port.ts';
import type { FaultKind } from '../faults.ts';
import type { Ailment } from '../world/life.ts';
import type { Machine } from '../world/machine.ts';
import type { EmbeddedCluster } from './cluster.ts';
import { embedded } from './config.ts';
import type { Outages } from './outages.ts';

/** What a button breaks. */
export interface Breakage {
  readonly id: string;
  readonly label: string;
  /** What is to be expected, in one line. */
  readonly hint: string;
  /** For the story: "you " and this. */
  readonly did: string;
}

interface OfNode extends Breakage {
  readonly group: 'node' | 'instance';
  act(cluster: EmbeddedCluster, machine: Machine, outages: Outages): void;
}

interface Around extends Breakage {
  readonly group: 'around';
  act(cluster: EmbeddedCluster, outages: Outages): void;
}

/** How long what passes by itself lasts, in ms of the cluster's time. */
const lasts = {
  blip: 75_000,
  api: 120_000,
  cloud: 300_000,
  stock: 600_000,
  network: 240_000,
  lie: 600_000,
  zone: 420_000,
} as const;
/** Which zone fails, and has no instances to sell: the second one. */
const badZone = 'zone-b';

const ail =
  (ailment: Ailment): OfNode['act'] =>
  (cluster, machine) => {
    cluster.world.life.ailments.set(machine.instance.id, ailment);
  };

export const nodeBreakages: readonly OfNode[] = [
  {
    id: 'kubeletDies',
    group: 'node',
    label: 'Stop the kubelet',
    hint: 'The cheapest rung heals it',
    did: 'stopped its kubelet',
    act: ail('kubelet'),
  },
  {
    id: 'runtimeHangs',
    group: 'node',
    label: 'Hang the container runtime',
    hint: 'It takes a reboot',
    did: 'let its container runtime hang',
    act: ail('reboot'),
  },
  {
    id: 'objectDeleted',
    group: 'node',
    label: 'Delete the Node object',
    hint: 'The kubelet must register anew',
    did: 'deleted its Node object',
    act(cluster, machine) {
      const { id, status } = machine.instance;
      // A running kubelet does not register again by itself: only its restart does.
      if (status === 'Running' && !cluster.world.life.ailments.has(id))
        cluster.world.life.ailments.set(id, 'unregistered');
      cluster.world.api.remove(nodeNameOf(machine.instance));
    },
  },
  {
    id: 'blip',
    group: 'node',
    label: 'Cut the network briefly',
    hint: 'Suspected, and left alone',
    did: 'cut its network for a moment',
    act: (_, machine, outages) => outages.cutOff([machine], lasts.blip),
  },
  {
    id: 'cordoned',
    group: 'node',
    label: 'Cordon it by hand',
    hint: "wdrip leaves a person's cordon alone",
    did: 'cordoned it',
    act(cluster, machine) {
      const node = cluster.world.api.nodes.get(nodeNameOf(machine.instance));
      if (node !== undefined && node.cordonedBy === null)
        cluster.world.api.put({ ...node, cordonedBy: 'person' });
    },
  },
  {
    id: 'instanceStopped',
    group: 'instance',
    label: 'Stop the instance',
    hint: 'Started again, rungs skipped',
    did: 'stopped its instance',
    act: (cluster, machine) => cluster.world.cloud.stopByPerson(machine.instance.id),
  },
  {
    id: 'instanceDeleted',
    group: 'instance',
    label: 'Delete the instance',
    hint: 'Replaced at once',
    did: 'deleted its instance',
    act: (cluster, machine) => cluster.world.cloud.deleteByPerson(machine.instance.id),
  },
  {
    id: 'diskBroken',
    group: 'instance',
    label: 'Break the system disk',
    hint: 'Climbs to a new system disk',
    did: 'broke its system disk',
    act: ail('disk'),
  },
  {
    id: 'unbootable',
    group: 'instance',
    label: 'Break it beyond repair',
    hint: 'The whole ladder, to a new instance',
    did: 'broke its instance beyond repair',
    act(cluster, machine) {
      machine.agentAlive = false;
      cluster.world.life.ailments.set(machine.instance.id, 'unbootable');
    },
  },
  {
    id: 'agentDies',
    group: 'instance',
    label: 'Stop kubelet and agent',
    hint: 'No one answers there: a reboot',
    did: 'stopped its kubelet and its agent',
    act(cluster, machine) {
      machine.agentAlive = false;
      cluster.world.life.ailments.set(machine.instance.id, 'kubelet');
    },
  },
  {
    id: 'cloudRepairs',
    group: 'instance',
    label: 'Let the cloud repair it',
    hint: 'A system event: wdrip waits for it',
    did: 'let its host fail: the cloud repairs it',
    act(cluster, machine) {
      cluster.world.life.ailments.set(machine.instance.id, 'reboot');
      cluster.world.cloud.executeSystemEvent(machine.instance.id);
    },
  },
  {
    id: 'locked',
    group: 'instance',
    label: 'Leave its bill unpaid',
    hint: 'Locked: held, until you end it',
    did: 'left its bill unpaid: stopped and locked',
    act(cluster, machine) {
      cluster.world.cloud.stopByPerson(machine.instance.id);
      cluster.world.cloud.lock(machine.instance.id, 'financial');
    },
  },
];

const disturb =
  (kind: FaultKind): Around['act'] =>
  (cluster, outages) => {
    cluster.disturbances.begin(kind, lasts.cloud);
    outages.note(kind, lasts.cloud);
  };

export const breakagesAround: readonly Around[] = [
  {
    id: 'supervisorKilled',
    group: 'around',
    label: 'Kill the supervisor',
    hint: 'It goes on where it was',
    did: 'killed the supervisor',
    act: (cluster) => cluster.killSupervisor(),
  },
  {
    id: 'apiUnreachable',
    group: 'around',
    label: 'Make the API unreachable',
    hint: 'Blind: nothing begins or escalates',
    did: 'made the Kubernetes API unreachable',
    act: (_, outages) => outages.hideApi(lasts.api),
  },
  {
    id: 'storm',
    group: 'around',
    label: 'Cut off half of the workers',
    hint: 'A storm: held, and it passes',
    did: 'cut off half of the workers',
    act: (cluster, outages) => outages.cutOff(halfOfWorkers(cluster), lasts.network, 'storm'),
  },
  {
    id: 'stormThatStays',
    group: 'around',
    label: 'Stop half of the kubelets',
    hint: 'A storm that stays: one by one',
    did: 'stopped the kubelets of half of the workers',
    act(cluster) {
      for (const { instance } of halfOfWorkers(cluster))
        cluster.world.life.ailments.set(instance.id, 'kubelet');
    },
  },
  {
    id: 'workersLiedAbout',
    group: 'around',
    label: 'Lie about all workers',
    hint: 'NotReady, but well: nothing is done',
    did: 'made all workers look NotReady, though they are well',
    act: (cluster, outages) =>
      outages.lieAbout(
        cluster.machines().flatMap(({ slot, machine }) => (slot.startsWith('workers-') ? [machine] : [])),
        lasts.lie,
      ),
  },
  {
    id: 'zoneDown',
    group: 'around',
    label: `Fail ${badZone}`,
    hint: 'One incident, and not seven',
    did: `made ${badZone} fail`,
    act: (_, outages) => outages.failZone(badZone, lasts.zone),
  },
  {
    id: 'outOfStock',
    group: 'around',
    label: `Sell out ${badZone}`,
    hint: 'New instances come up elsewhere',
    did: `sold out ${badZone}`,
    act: (_, outages) => outages.sellOut(badZone, lasts.stock),
  },
  {
    id: 'cloudThrottles',
    group: 'around',
    label: 'Let the cloud throttle',
    hint: 'Asked again, later and later',
    did: 'let the cloud throttle',
    act: disturb('cloudThrottles'),
  },
  {
    id: 'cloudSlow',
    group: 'around',
    label: 'Slow the cloud down',
    hint: 'Repairs take longer',
    did: 'slowed the cloud down',
    act: disturb('cloudSlow'),
  },
  {
    id: 'cloudLosesAnswers',
    group: 'around',
    label: "Lose the cloud's answers",
    hint: 'Looked at, never done twice',
    did: 'let the answers of the cloud get lost',
    act: disturb('cloudLosesAnswers'),
  },
];

/** The first half by number: half of each zone, since the zones take turns. */
function halfOfWorkers(cluster: EmbeddedCluster): readonly Machine[] {
  return cluster
    .machines()
    .filter(
      ({ slot }) => Number(/^workers-(\d+)$/.exec(slot)?.[1] ?? embedded.workers) < embedded.workers / 2,
    )
    .map(({ machine }) => machine);
}
