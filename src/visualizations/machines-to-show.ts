import { machines } from '../../machines/index.ts';
import type { MachineToShow } from './machine-data.ts';

/** Every machine of wdrip as the writers take it, with its waits as the defaults have them. */
export function machinesToShow(): readonly MachineToShow[] {
  return Object.entries(machines).map(([name, { machine, example }]) => {
    const { context: factory } = machine.config;
    const context: unknown =
      typeof factory === 'function' ? Reflect.apply(factory, undefined, [{ input: example }]) : factory;
    const delaysMs: Record<string, number> = {};
    for (const [delay, value] of Object.entries(machine.implementations.delays)) {
      const ms: unknown =
        typeof value === 'function' ? Reflect.apply(value, undefined, [{ context }]) : value;
      if (typeof ms === 'number') delaysMs[delay] = ms;
    }
    return { name, config: machine.config, delaysMs };
  });
}
