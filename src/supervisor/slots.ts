import type { NodeInput } from '../../machines/node.ts';
import { cloudTags, type Instance, nodeNameOf } from '../cloud/port.ts';
import type { Log } from '../log.ts';
import type { Json } from '../runtime/record.ts';
import type { Runtime } from '../runtime/types.ts';
import type { PoolConfig, SupervisorConfig } from './config.ts';
import { type ControlPlane, controlPlanePool } from './control-plane.ts';
import { actorIds, type Fleet, type NodeActor, scopesOf } from './fleet.ts';
import { stormInput } from './storms.ts';

export interface SlotsParts {
  readonly config: SupervisorConfig;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly fleet: Fleet;
  readonly recordsLost: boolean;
  readonly controlPlane: () => ControlPlane | null;
  /** A slot's actor has ended, and was forgotten. */
  readonly retired: (slot: string) => void;
}

/** Which slots there are to be: finds those that have no actor yet, and retires those that nobody wants any more. */
export class Slots {
  /** One of them had no actor when all were last looked at. */
  missing = true;
  readonly #parts: SlotsParts;
  readonly #pools: ReadonlyMap<string, PoolConfig>;
  /** Scopes whose breaker was seen to be there: it never goes. */
  readonly #scopes = new Set<string>();
  /** Every slot that the pools want. */
  readonly #wanted: ReadonlyMap<string, PoolConfig>;

  constructor(parts: SlotsParts) {
    this.#parts = parts;
    this.#pools = new Map(parts.config.pools.map((pool) => [pool.id, pool]));
    this.#wanted = new Map(
      parts.config.pools.flatMap((pool) =>
        Array.from({ length: pool.replicas }, (_, index) => [`${pool.id}-${index}`, pool] as const),
      ),
    );
  }

  /** A pool wants the slot. */
  isWanted(slot: string): boolean {
    return this.#wanted.has(slot);
  }

  /**
   * A slot per replica that the pools want, one per control-plane instance that carries our tag, and one per instance that a pool does not
   * want any more, to be retired; a breaker for each scope.
   */
  find(
    at: number,
    touched: ReadonlySet<string> | 'all',
    slots: ReadonlyMap<string, readonly Instance[]>,
  ): void {
    for (const scope of this.#parts.fleet.scopes().keys()) this.#findScope(at, scope);
    if (touched === 'all') {
      this.missing = false;
      for (const [slot, pool] of this.#wanted) {
        if (this.#parts.fleet.get(slot) !== undefined) continue;
        this.missing = true;
        this.#foundSlot(at, slot, pool.id, 'worker', slots.get(slot)?.[0], pool.zones[0] ?? '', pool.policy);
      }
    }
    if (touched === 'all') this.#findMasters(at, slots);
    for (const slot of touched === 'all' ? slots.keys() : touched) {
      const first = slots.get(slot)?.[0];
      if (first?.tags[cloudTags.role] === 'controlPlane')
        this.#foundSlot(at, slot, first.tags[cloudTags.pool] ?? slot, 'controlPlane', first, first.zone, {});
      const pool = this.#pools.get(first?.tags[cloudTags.pool] ?? '');
      if (first !== undefined && pool !== undefined && this.#isLeftOver(slot, pool.id))
        this.#foundSlot(at, slot, pool.id, 'worker', first, first.zone, pool.policy);
    }
    for (const actor of touched === 'all'
      ? this.#parts.fleet.all()
      : [...touched].map((each) => this.#parts.fleet.get(each)))
      if (actor !== undefined) this.#tellWhetherWanted(at, actor);
  }

  #findMasters(at: number, slots: ReadonlyMap<string, readonly Instance[]>): void {
    const { controlPlane } = this.#parts.config;
    for (const [index, slot] of (this.#parts.controlPlane()?.slots() ?? []).entries()) {
      if (this.#parts.fleet.get(slot) !== undefined || controlPlane === undefined) continue;
      this.missing = true;
      const zone = controlPlane.zones[index % controlPlane.zones.length] ?? '';
      this.#foundSlot(
        at,
        slot,
        controlPlanePool,
        'controlPlane',
        slots.get(slot)?.[0],
        zone,
        controlPlane.policy,
      );
    }
  }

  /** A slot of the pool that is beyond the number that is wanted. Those of pools that we don't know are none of our business. */
  #isLeftOver(slot: string, pool: string): boolean {
    return (
      !this.#wanted.has(slot) && slot.startsWith(`${pool}-`) && /^\d+$/.test(slot.slice(pool.length + 1))
    );
  }

  /** A pool that is scaled down retires its last slots, and wants them back if it is scaled up in time. */
  #tellWhetherWanted(at: number, { context, state, record }: NodeActor): void {
    const { slot, pool, role } = context;
    if (role === 'worker' ? !this.#pools.has(pool) : this.#parts.controlPlane() === null) return;
    const { runtime, log } = this.#parts;
    if (state === 'retired') {
      this.#parts.fleet.remove(slot);
      runtime.remove(record.id).catch((error: unknown) => {
        log.warn('the actor of a retired slot could not be removed', { slot, error });
      });
      this.#parts.retired(slot);
    } else if (role === 'worker' ? this.#isLeftOver(slot, pool) : this.#parts.controlPlane()?.hasLeft(slot)) {
      if (!state.startsWith('retiring')) runtime.send(record.id, { type: 'SLOT_RETIRED', at });
    } else if (/^retiring\.(admitting|draining|confirming)$/.test(state))
      runtime.send(record.id, { type: 'SLOT_WANTED', at });
  }

  #foundSlot(
    at: number,
    slot: string,
    pool: string,
    role: NodeInput['role'],
    instance: Instance | undefined,
    zone: string,
    policy: NodeInput['policy'],
  ): void {
    const { runtime } = this.#parts;
    if (this.#parts.fleet.get(slot) !== undefined || runtime.record(actorIds.node(slot)) !== undefined)
      return;
    const input: NodeInput = {
      slot,
      pool,
      zone: instance?.zone ?? zone,
      role,
      nodeName: instance === undefined || instance.privateIp === null ? null : nodeNameOf(instance),
      instanceId: instance?.id ?? null,
      policy,
      ...(this.#parts.recordsLost ? { usedUp: true } : {}),
    };
    for (const scope of scopesOf(input)) this.#findScope(at, scope);
    this.#tellSupervisor('SLOT_FOUND', at, actorIds.node(slot), { ...input, policy: { ...policy } });
  }

  /** A breaker per pool and zone; a replacement in another zone may bring a zone that had none. */
  #findScope(at: number, scope: string): void {
    if (this.#scopes.has(scope)) return;
    const { runtime, config } = this.#parts;
    const id = actorIds.storm(scope);
    if (runtime.record(id) !== undefined) this.#scopes.add(scope);
    else this.#tellSupervisor('SCOPE_FOUND', at, id, { ...stormInput(scope, config.supervisor) });
  }

  #tellSupervisor(type: 'SLOT_FOUND' | 'SCOPE_FOUND', at: number, id: string, input: Json): void {
    this.#parts.runtime.send(actorIds.supervisor, { type, at, id, input });
  }
}
