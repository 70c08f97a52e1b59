import { join } from 'node:path';
import { createCloud } from '../../src/sandbox/cloud/cloud.ts';
import { startCloudServers } from '../../src/sandbox/cloud/servers.ts';
import { memoryHost } from '../../test/sandbox/cloud/memory-host.ts';

/** The emulated object storage in a process of its own, with a bucket in each of two regions. Says where it is, in one line of JSON. */
const [folder = '.'] = process.argv.slice(2);
const cloud = await createCloud({
  stateFile: join(folder, 'cloud.json'),
  host: memoryHost(),
  furtherRegions: ['cn-beijing'],
});
await cloud.putBucket('backups-hangzhou', 'cn-hangzhou');
await cloud.putBucket('backups-beijing', 'cn-beijing');
const { ossEndpoints, accessKeyId, accessKeySecret } = await startCloudServers(cloud);
process.stdout.write(`${JSON.stringify({ ossEndpoints, accessKeyId, accessKeySecret })}\n`);
