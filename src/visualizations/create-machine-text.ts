import { asData } from './machine-data.ts';

/** A text for "Import from code" of the Stately editor: only data, since the editor reads it and does not run it. */
export function createMachineText(name: string, config: object): string {
  const data = JSON.stringify(asData(config), null, 2);
  return `// Written by \`wdrip export\`. For the Stately editor (https://stately.ai/registry/editor): Import from code.
import { createMachine } from 'xstate';

export const ${name}Machine = createMachine(${data});
`;
}
