import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where commands in another terminal find the embedded cluster's address. */
export function embeddedDir(): string {
  return join(homedir(), '.wdrip', 'embedded');
}
