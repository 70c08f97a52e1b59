import { createServer } from 'node:http';
import { join } from 'node:path';
import { createCloud } from '../../src/sandbox/cloud/cloud.ts';
import { startCloudServers } from '../../src/sandbox/cloud/servers.ts';
import { memoryHost } from '../../test/sandbox/cloud/memory-host.ts';

/**
 * The emulated object storage in a process of its own, with a bucket in each of two regions, and what a master's metadata service says of
 * its role. Says where they are, in one line of JSON.
 */
const [folder = '.'] = process.argv.slice(2);
const cloud = await createCloud({
  stateFile: join(folder, 'cloud.json'),
  host: memoryHost(),
  furtherRegions: ['cn-beijing'],
});
await cloud.putBucket('backups-hangzhou', 'cn-hangzhou');
await cloud.putBucket('backups-beijing', 'cn-beijing');
await cloud.putRole({
  name: 'master',
  actions: [],
  objects: [{ prefix: 'backups-hangzhou/shared', access: 'read' }],
});
const { ossEndpoints, accessKeyId, accessKeySecret } = await startCloudServers(cloud);
const metadata = createServer(({ url = '' }, response) => {
  const {
    accessKeyId: id,
    accessKeySecret: secret,
    securityToken,
  } = cloud.identity.credentialsFor('i', 'master');
  const credentials = {
    Code: 'Success',
    AccessKeyId: id,
    AccessKeySecret: secret,
    SecurityToken: securityToken,
  };
  response.end(
    url.endsWith('/master') ? JSON.stringify(credentials) : url.endsWith('/token') ? 'token' : 'master',
  );
}).listen(0, '127.0.0.1', () => {
  const address = metadata.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const metadataUrl = `http://127.0.0.1:${address.port}`;
  process.stdout.write(`${JSON.stringify({ ossEndpoints, accessKeyId, accessKeySecret, metadataUrl })}\n`);
});
