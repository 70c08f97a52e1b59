import { readAddress, type SupervisorAddress } from '../supervisor/address.ts';

/** The address that a supervisor left in a folder, if its process still lives. */
export async function livingAddress(store: string): Promise<SupervisorAddress | null> {
  const address = await readAddress(store);
  return address !== null && isAlive(address.pid) ? address : null;
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 only asks.
    process.kill(pid, 0);
    return true;
  } catch (caught) {
    return caught instanceof Error && 'code' in caught && caught.code === 'EPERM';
  }
}
