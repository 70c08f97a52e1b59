import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createOssStore, type OssStoreOptions } from '../../../src/backup/objects/oss.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { servedCloud } from '../../sandbox/cloud/served.ts';
import { type Kind, objectStoreContract, type Tested } from './contract.ts';

const actions: Readonly<Record<Kind, string>> = {
  put: 'oss:PutObject',
  part: 'oss:UploadPart',
  begin: 'oss:InitiateMultipartUpload',
  complete: 'oss:CompleteMultipartUpload',
  get: 'oss:GetObject',
  head: 'oss:HeadObject',
  list: 'oss:ListObjectsV2',
  delete: 'oss:DeleteObject',
};

let served: Awaited<ReturnType<typeof servedCloud>>;
let tested: Tested;

beforeAll(async () => {
  served = await servedCloud();
  const { cloud, servers } = served;
  const { faults, objects } = cloud;
  for (const bucket of ['plain', 'versioned', 'immutable']) await cloud.putBucket(bucket);
  await objects.changeBucket('versioned', { versioning: 'enabled' });
  const worm = { id: 'W1', days: 1, locked: true, createdAt: cloud.world.clock.now() };
  await objects.changeBucket('immutable', { worm });
  const open = (bucket: string) => {
    const options: OssStoreOptions = {
      region: cloud.region,
      bucket,
      endpoint: servers.ossEndpoint,
      sldEnable: true,
      credentials: async () => servers,
      clock: systemClock(),
      random: systemRandom,
      retry: { tries: 6, firstMs: 2, longestMs: 10 },
    };
    return createOssStore(options);
  };
  tested = {
    plain: open('plain'),
    other: open('plain'),
    versioned: open('versioned'),
    immutable: open('immutable'),
    missing: open('missing'),
    failNext: (kind, count) =>
      void faults.add({
        action: actions[kind],
        count,
        answer: { kind: 'error', status: 503, code: 'ServiceUnavailable' },
      }),
    loseNext: (kind) =>
      void faults.add({ action: actions[kind], count: 1, afterEffect: true, answer: { kind: 'reset' } }),
    breakReads: (afterBytes, count) =>
      void faults.add({ action: 'oss:GetObject', count, answer: { kind: 'cut', afterBytes } }),
    async seed(keys) {
      const seedOne = async (key: string) => {
        const body = (async function* () {
          yield Buffer.from(key);
        })();
        const facts = { contentType: 'text/plain', headers: {}, forbidOverwrite: false };
        await objects.put('plain', key, await objects.bytes.write(body, null), facts);
      };
      for (let at = 0; at < keys.length; at += 100) await Promise.all(keys.slice(at, at + 100).map(seedOne));
    },
    damage: (key, at) => cloud.damageObject('plain', key, at),
  };
});
afterEach(() => served.cloud.faults.clear());
afterAll(() => served.close());

objectStoreContract('ali-oss on the sandbox', () => tested);

test('ali-oss on the sandbox: a signed query opens its object without credentials, and no other', async () => {
  const { plain } = tested;
  await plain.put('signed/a b+ü', Buffer.from('hello'));
  await plain.put('signed/other', Buffer.from('secret'));
  const query = await plain.presign('signed/a b+ü', 60);
  const ask = (key: string) =>
    fetch(`${served.servers.ossEndpoint}/plain/${encodeURIComponent(key).replaceAll('%2F', '/')}?${query}`);
  expect(await (await ask('signed/a b+ü')).text()).toBe('hello');
  expect((await ask('signed/other')).status).toBe(403);
});
