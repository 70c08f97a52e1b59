import { cloudTags, nodeNameOf } from '../cloud/port.ts';
import { Failure } from '../failure.ts';
import type { SandboxInstance } from './admin-client.ts';

/** The slot of an instance, or an empty text for one that is in none. */
export function slotOf(instance: SandboxInstance): string {
  return instance.tags[cloudTags.slot] ?? '';
}

/**
 * The instance that people call by its id, its address, its node's name or its slot. Throws `Failure` `NoSuchInstance`, which names
 * those that there are.
 */
export function findInstance(instances: readonly SandboxInstance[], name: string): SandboxInstance {
  const called = (instance: SandboxInstance) => [
    instance.id,
    instance.ip,
    nodeNameOf({ privateIp: instance.ip, id: instance.id }),
    slotOf(instance),
  ];
  const found = instances.filter((instance) => called(instance).includes(name));
  // A slot that is being replaced has two for a moment: the newer one is meant.
  const newest = found.at(-1);
  if (newest) return newest;
  const known = instances.map((instance) => `${slotOf(instance)} (${instance.id})`).join(', ') || 'none';
  throw new Failure({
    kind: 'notFound',
    code: 'NoSuchInstance',
    message: `no instance is called ${name}, by its id, address, node name or slot. There are: ${known}`,
  });
}
