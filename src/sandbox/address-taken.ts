import { connect } from 'node:net';
import { API_PORT } from '../bootstrap/control-plane.ts';
import { Failure } from '../failure.ts';

/** The first address of a sandbox's control plane. Its certificates are made for it, so that every sandbox has the same. */
const FIRST_ADDRESS = '127.0.1.1';

/**
 * Throws `Failure` `SandboxAddressTaken` if somebody listens where the API server of a new sandbox would: another sandbox, in another folder.
 * Without this the two would answer each other's calls, and what people see is a certificate that can't be verified.
 */
export async function assertAddressFree(address = FIRST_ADDRESS, port = API_PORT): Promise<void> {
  if (!(await isListening(address, port))) return;
  throw new Failure({
    kind: 'rejected',
    code: 'SandboxAddressTaken',
    message: `somebody listens at ${address}:${port}, where the API server of a sandbox would: another one is up on this machine, and there is room for one. Take that down with \`wdrip sandbox down --dir ITS_FOLDER\``,
  });
}

/** Whether somebody takes connections there. */
export function isListening(address: string, port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ host: address, port });
    const end = (listening: boolean) => {
      socket.destroy();
      settle(listening);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
