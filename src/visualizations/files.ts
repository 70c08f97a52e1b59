import { createMachineText } from './create-machine-text.ts';
import { legacyConfig } from './legacy-v4.ts';
import { asData, type MachineToShow } from './machine-data.ts';
import { mermaidDiagram } from './mermaid.ts';
import { nodeOverview, overviewDiagram } from './overview.ts';

/** A file to be written: its name without a folder, and its whole text. */
export interface VisualizationFile {
  readonly name: string;
  readonly text: string;
}

/** All files that show a machine. The same machine gives the same files, byte for byte. */
export function visualizationFiles(machine: MachineToShow): readonly VisualizationFile[] {
  const { name, config, delaysMs } = machine;
  const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  return [
    { name: `${name}.json`, text: json(asData(config)) },
    { name: `${name}.createMachine.ts`, text: createMachineText(name, config) },
    { name: `${name}.v4.json`, text: json(legacyConfig(config)) },
    { name: `${name}.mmd`, text: mermaidDiagram(machine) },
    ...(name === 'node'
      ? [{ name: 'node.overview.mmd', text: overviewDiagram(nodeOverview, delaysMs) }]
      : []),
  ];
}
