import { cloudTags, type InstanceSpec } from '../../cloud/port.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { SupervisorConfig } from '../../supervisor/config.ts';
import type { Misfortune } from './calls.ts';
import { type CloudEffect, SimulatedCloud, simulatedSecurityGroup } from './cloud.ts';
import type { Acknowledged, MembershipChange } from './etcd.ts';
import { type NodeAct, SimulatedKubernetes } from './kubernetes.ts';
import { Life } from './life.ts';
import { type DataDeed, Masters } from './masters.ts';
import type { Telling } from './watch.ts';

export interface WorldOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly config: SupervisorConfig;
  readonly zones: readonly string[];
  /** Masters with an etcd each. Default 0: there is an API, and nobody sees what it stands on. */
  readonly masters?: number;
  /** A member of etcd, its leader or the membership has changed; a write was acknowledged. */
  readonly onEtcd?: () => void;
  readonly onAcknowledged?: (acknowledged: Acknowledged) => void;
  /** Somebody has changed the members of etcd, or what lies on a master's disk. */
  readonly onMembership?: (change: MembershipChange) => void;
  readonly onData?: (deed: DataDeed) => void;
  /** The fate of one request to the cloud; null: it is served. */
  readonly misfortune: () => Misfortune | null;
  /** The same of one request to the Kubernetes API. Default: all are served. */
  readonly apiMisfortune?: () => Misfortune | null;
  /** The same of one request to a member of etcd. Default: all are answered. */
  readonly etcdMisfortune?: () => Misfortune | null;
  /** How old the state is that a list of the cloud shows, in ms. Default: it is of now. */
  readonly listLagMs?: () => number;
  /** Draws whether a list that is made now lacks an instance that exists; null: it lacks none. Default: it never does. */
  readonly lacks?: () => (() => boolean) | null;
  /** What becomes of one telling of the watch. Default: it is told at once. */
  readonly telling?: () => Telling;
  /** What wdrip does to an instance, and to a Node. */
  readonly onEffect: (effect: CloudEffect) => void;
  readonly onAct: (act: NodeAct) => void;
  /** There was no stock in the zone for what was asked for with this token. */
  readonly onRefusal?: (token: string, zone: string) => void;
  /** A Node object came, went or changed, whoever did it. */
  readonly onNode?: (name: string) => void;
  /** What the cloud shows of an instance has changed, or it is gone. */
  readonly onInstance?: (id: string) => void;
  /** An instance's node is up from now on, or is not any more. */
  readonly onUp?: (id: string, isUp: boolean) => void;
}

/** A cluster in memory: the cloud, the Kubernetes API, and what lives on both. On a virtual clock, or on the real one. */
export class World {
  readonly cloud: SimulatedCloud;
  readonly api: SimulatedKubernetes;
  readonly life: Life;
  /** Null: there are none. */
  readonly masters: Masters | null;
  /** Objects that masters may read, by name. */
  readonly shared = new Map<string, Uint8Array>();
  readonly zones: readonly string[];
  readonly #masterCount: number;
  readonly #config: SupervisorConfig;

  constructor(options: WorldOptions) {
    const { clock, random, config, zones } = options;
    this.#config = config;
    this.zones = zones;
    this.#masterCount = options.masters ?? 0;
    this.cloud = new SimulatedCloud({
      clock,
      random,
      misfortune: options.misfortune,
      ...(options.listLagMs === undefined ? {} : { listLagMs: options.listLagMs }),
      ...(options.lacks === undefined ? {} : { lacks: options.lacks }),
      agent: (id, script) => this.masters?.command(id, script) ?? this.life.command(id, script),
      onEffect: options.onEffect,
      ...(options.onRefusal === undefined ? {} : { onRefusal: options.onRefusal }),
      onBoot: (id, first) => {
        this.life.booted(id, first);
        this.masters?.booted(id);
      },
      onChange: (id) => {
        this.life.wake(id);
        options.onInstance?.(id);
      },
      onZone: (zone) => this.life.wakeZone(zone),
    });
    this.api = new SimulatedKubernetes({
      clock,
      random,
      ...(options.telling === undefined ? {} : { telling: options.telling }),
      ...(options.apiMisfortune === undefined ? {} : { misfortune: options.apiMisfortune }),
      onAct: options.onAct,
      onNode: (name) => {
        this.life.nodeChanged(name);
        options.onNode?.(name);
      },
      onPods: () => this.life.workloadsChanged(),
      onReachable: () => this.life.awoke(),
    });
    const workers = config.pools.reduce((sum, { replicas }) => sum + replicas, 0);
    const apps = [{ name: 'shop', replicas: Math.max(2, Math.floor(workers / 2)) }];
    this.life = new Life({
      cloud: this.cloud,
      api: this.api,
      clock,
      random,
      apps,
      onUp: options.onUp ?? (() => {}),
      onWake: (id) => this.masters?.wake(id),
    });
    this.masters =
      this.#masterCount === 0
        ? null
        : new Masters({
            cloud: this.cloud,
            api: this.api,
            clock,
            random,
            cluster: config.cluster,
            ailmentOf: (id) => this.life.ailments.get(id),
            onChange: options.onEtcd ?? (() => {}),
            onAcknowledged: options.onAcknowledged ?? (() => {}),
            onMembership: options.onMembership ?? (() => {}),
            onData: options.onData ?? (() => {}),
            fetch: (key) => this.shared.get(key),
            ...(options.etcdMisfortune === undefined ? {} : { misfortune: options.etcdMisfortune }),
          });
  }

  /** Makes the masters, and the instances that the pools want, spread over the zones. */
  populate(): void {
    const { tags: _, zone: __, ...master } = this.spec('control-plane', '');
    this.masters?.populate(this.#masterCount, this.zones, master);
    for (const pool of this.#config.pools)
      for (let index = 0; index < pool.replicas; index++)
        this.birth(`${pool.id}-${index}`, this.zones[index % this.zones.length] ?? '');
  }

  /** An instance of ours, or with the tags that are given instead. Returns its id. */
  birth(slot: string, zone: string, tags?: Readonly<Record<string, string>>): string {
    const spec = this.spec(slot, zone);
    return this.cloud.create({ ...spec, tags: tags ?? spec.tags, userData: '#!/bin/sh\n' });
  }

  /** What a slot's instance is made of, in a zone. */
  spec(slot: string, zone: string): Omit<InstanceSpec, 'userData'> {
    const pool = this.#config.pools.find(({ id }) => slot.startsWith(`${id}-`));
    const isMaster = slot.startsWith('control-plane-');
    return {
      zone,
      imageId: pool?.imageId ?? 'm-1',
      instanceType: pool?.instanceType ?? 't',
      securityGroupId: pool?.securityGroupId ?? simulatedSecurityGroup,
      vSwitchId: `v-${zone}`,
      ramRole: pool?.ramRole ?? 'r',
      systemDisk: pool?.systemDisk ?? { sizeGiB: 40, category: 'cloud_essd' },
      tags: {
        [cloudTags.cluster]: this.#config.cluster,
        [cloudTags.pool]: pool?.id ?? (isMaster ? 'control-plane' : ''),
        [cloudTags.slot]: slot,
        [cloudTags.role]: isMaster ? 'controlPlane' : 'worker',
      },
    };
  }
}
