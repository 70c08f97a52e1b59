import type { SimulationOptions } from './simulation.ts';

/** The command that runs exactly this history again. */
export function replayCommand(options: SimulationOptions): string {
  const { seed, nodes, masters, hours, zones, faults, only } = options;
  const words = [
    `wdrip simulate --seed ${seed} --nodes ${nodes}`,
    masters === undefined || masters === 0 ? '' : `--masters ${masters}`,
    `--hours ${hours} --zones ${zones}`,
    faults === undefined ? '' : `--faults ${faults.join(',')}`,
    only === undefined ? '' : `--only ${only.length === 0 ? 'none' : only.join(',')}`,
  ];
  return words.filter((word) => word !== '').join(' ');
}
