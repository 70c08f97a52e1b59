import { createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { assertAddressFree } from '../../src/sandbox/address-taken.ts';

test('a second sandbox on the machine is told why it can not be', async () => {
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await expect(assertAddressFree('127.0.0.1', address.port)).rejects.toMatchObject({
    code: 'SandboxAddressTaken',
    message: expect.stringContaining(`127.0.0.1:${address.port}`),
  });
  await new Promise((settle) => server.close(settle));
  await expect(assertAddressFree('127.0.0.1', address.port)).resolves.toBeUndefined();
});
