import { createHash, createHmac } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import OSS from 'ali-oss';
import { z } from 'zod';
import { crc64 } from '../../../src/backup/objects/crc64.ts';
import { openObjectStore } from '../../../src/sandbox/cloud/objects/object-store.ts';
import { runInstances } from './kit.ts';
import { servedCloud, until } from './served.ts';

const bucket = 'wdrip-bucket';
const credentialsSchema = z.object({
  AccessKeyId: z.string(),
  AccessKeySecret: z.string(),
  SecurityToken: z.string(),
});
let served: Awaited<ReturnType<typeof servedCloud>>;
beforeAll(async () => {
  served = await servedCloud();
  await served.cloud.putBucket(bucket);
});
afterAll(() => served.close());

/** Options that the SDK knows and its types do not. */
interface Options extends OSS.Options {
  readonly authorizationV4?: boolean;
  readonly sldEnable?: boolean;
}

function client(changes: Partial<Options> = {}) {
  const { servers } = served;
  const options: Options = {
    endpoint: servers.ossEndpoint,
    region: 'oss-cn-hangzhou',
    bucket,
    accessKeyId: servers.accessKeyId,
    accessKeySecret: servers.accessKeySecret,
    authorizationV4: true,
    sldEnable: true,
    ...changes,
  };
  return new OSS(options);
}

const keys = ['plain', 'clusters/a/bootstrap/worker/bundle.tgz', "it's (a) *key* ~ with + & = 中 ?#%41"];
const kinds: readonly [string, Partial<Options>][] = [
  ['V4', {}],
  ['V1', { authorizationV4: false }],
];

test.each(kinds)(
  'the official client puts, reads, heads and deletes objects, signed %s',
  async (_kind, changes) => {
    const oss = client(changes);
    for (const key of keys) {
      const content = Buffer.from(`content of ${key}`);
      await oss.put(key, content, { headers: { 'x-oss-meta-sha256': 'abc' } });
      const got = await oss.get(key);
      expect(got.content.toString()).toBe(content.toString());
      const expected = crc64();
      expected.update(content);
      expect(got.res.headers).toMatchObject({
        'x-oss-hash-crc64ecma': expected.digest(),
        'x-oss-meta-sha256': 'abc',
      });
      expect((await oss.head(key)).status).toBe(200);
      await oss.delete(key);
      await expect(oss.get(key)).rejects.toMatchObject({ code: 'NoSuchKey', status: 404 });
      await expect(oss.head(key)).rejects.toMatchObject({ code: 'NoSuchKey', status: 404 });
    }
  },
);

test('streams and files are stored whole, and ranges of them read', async () => {
  const oss = client();
  const content = Buffer.alloc(3_000_000, 'stream ');
  const file = join(served.directory, 'big');
  await writeFile(file, content);
  await oss.putStream('big', createReadStream(file));
  const { content: got } = await oss.get('big');
  expect(createHash('md5').update(got).digest('hex')).toBe(createHash('md5').update(content).digest('hex'));
  const part = await oss.get('big', { headers: { Range: 'bytes=7-13' } });
  expect(part.content.toString()).toBe('stream ');
  const beyond = { Range: 'bytes=9000000-' };
  const whole = await oss.get('big', { headers: beyond });
  expect([whole.res.status, whole.content.length]).toEqual([200, content.length]);
  const standard = { ...beyond, 'x-oss-range-behavior': 'standard' };
  await expect(oss.get('big', { headers: standard })).rejects.toMatchObject({
    code: 'InvalidRange',
    status: 416,
  });
});

test('a presigned V4 URL works without keys, and with nothing changed', async () => {
  const oss = client();
  await oss.put('presigned/object', Buffer.from('hello'));
  if (!('signatureUrlV4' in oss) || typeof oss.signatureUrlV4 !== 'function')
    throw new Error('No such method.');
  const url: string = await oss.signatureUrlV4('GET', 60, {}, 'presigned/object');
  const answer = await fetch(url);
  expect([answer.status, await answer.text()]).toEqual([200, 'hello']);
  const other = await fetch(url.replace('presigned/object', 'presigned/other'));
  expect(other.status).toBe(403);
  expect(await other.text()).toContain('<Code>SignatureDoesNotMatch</Code>');
  const v1 = client({ authorizationV4: false }).signatureUrl('presigned/object');
  expect(await (await fetch(v1)).text()).toBe('hello');
});

test('a virtual host names the bucket as a path does', async () => {
  await client().put('by-host', Buffer.from('found'));
  const { port } = new URL(served.servers.ossEndpoint);
  const oss = client({ endpoint: `http://127.0.0.1:${port}`, sldEnable: false });
  expect((await oss.get('by-host')).content.toString()).toBe('found');
});

test('what is wrong is refused in the words of the real one', async () => {
  const wrong = client({ accessKeySecret: 'wrong' });
  await expect(wrong.get('x')).rejects.toMatchObject({ code: 'SignatureDoesNotMatch', status: 403 });
  const unknown = client({ accessKeyId: 'LTAIunknown' });
  await expect(unknown.get('x')).rejects.toMatchObject({ code: 'InvalidAccessKeyId', status: 403 });
  await expect(client({ bucket: 'no-such-bucket' }).get('x')).rejects.toMatchObject({ code: 'NoSuchBucket' });
  await expect(
    client().put('x', Buffer.from('a'), { headers: { 'Content-MD5': 'AAAAAAAAAAAAAAAAAAAAAA==' } }),
  ).rejects.toMatchObject({ code: 'InvalidDigest', status: 400 });
  await expect(client().head('x')).rejects.toMatchObject({ status: 404 });
  await client().put('once', Buffer.from('1'));
  await expect(
    client().put('once', Buffer.from('2'), { headers: { 'x-oss-forbid-overwrite': 'true' } }),
  ).rejects.toMatchObject({ code: 'FileAlreadyExists', status: 409 });
  expect((await client().get('once')).content.toString()).toBe('1');
  await expect(client().getBucketLifecycle(bucket)).rejects.toMatchObject({ code: 'NotImplemented' });
  expect(await statusOfUnsigned()).toBe(403);
});

function statusOfUnsigned(): Promise<number | undefined> {
  const { port } = new URL(served.servers.ossEndpoint);
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: `/${bucket}/once` }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

test("an instance's role reads what its policy names, and nothing else", async () => {
  await served.cloud.putRole({
    name: 'worker',
    actions: [],
    objects: [{ prefix: `${bucket}/clusters/a/bootstrap/worker/`, access: 'read' }],
  });
  await client().put('clusters/a/bootstrap/worker/bundle', Buffer.from('for workers'));
  await client().put('clusters/a/bootstrap/control-plane/bundle', Buffer.from('secret'));
  const [id = ''] = await runInstances(served.cloud, { RamRoleName: 'worker' });
  await until(
    async () => served.cloud.world.instances.get(id)?.status,
    (status) => status === 'Running',
  );
  const roles = `${served.servers.metadataUrl(id)}/latest/meta-data/ram/security-credentials/`;
  const role = await (await fetch(roles)).text();
  const credentials = credentialsSchema.parse(await (await fetch(`${roles}${role}`)).json());
  const asWorker = (stsToken: string) =>
    client({
      accessKeyId: credentials.AccessKeyId,
      accessKeySecret: credentials.AccessKeySecret,
      stsToken,
      refreshSTSTokenInterval: 3_600_000,
      refreshSTSToken: async () => ({
        accessKeyId: credentials.AccessKeyId,
        accessKeySecret: credentials.AccessKeySecret,
        stsToken,
      }),
    });
  const oss = asWorker(credentials.SecurityToken);
  const bundle = await oss.get('clusters/a/bootstrap/worker/bundle');
  expect(bundle.content.toString()).toBe('for workers');
  await expect(oss.get('clusters/a/bootstrap/control-plane/bundle')).rejects.toMatchObject({
    code: 'AccessDenied',
    status: 403,
  });
  await expect(oss.put('clusters/a/bootstrap/worker/bundle', Buffer.from('x'))).rejects.toMatchObject({
    code: 'AccessDenied',
  });
  await expect(
    asWorker(`${credentials.SecurityToken}0`).get('clusters/a/bootstrap/worker/bundle'),
  ).rejects.toMatchObject({ code: 'InvalidSecurityToken' });
});

test('objects are found again when the store is opened anew', async () => {
  await client().put('stays', Buffer.from('here'));
  const { clock, random } = served.cloud.world;
  const reopened = await openObjectStore({ directory: join(served.directory, 'objects'), clock, random });
  expect(reopened.versions(bucket, 'stays')[0]).toMatchObject({
    size: 4,
    md5: createHash('md5').update('here').digest('hex'),
  });
});

/** OSS4 by hand, dated by the Date header as the official Go SDK does it; a HEAD of ?objectMeta. */
function headMeta(key: string, date: string): Promise<number | undefined> {
  const { accessKeyId, accessKeySecret, ossEndpoint } = served.servers;
  const day = new Date(date).toISOString().slice(0, 10).replaceAll('-', '');
  const canonical = `HEAD\n/${bucket}/${key}\nobjectMeta\n\n\nUNSIGNED-PAYLOAD`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const scope = `${day}/cn-hangzhou/oss/aliyun_v4_request`;
  const hmac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest();
  const signingKey = hmac(
    hmac(hmac(hmac(`aliyun_v4${accessKeySecret}`, day), 'cn-hangzhou'), 'oss'),
    'aliyun_v4_request',
  );
  const signature = hmac(signingKey, `OSS4-HMAC-SHA256\n${date}\n${scope}\n${hash}`).toString('hex');
  const authorization = `OSS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},Signature=${signature}`;
  const { port } = new URL(ossEndpoint);
  const path = `/${bucket}/${key}?objectMeta`;
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, method: 'HEAD', path, headers: { date, authorization } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

test('a V4 signature over the Date header is taken, within 15 minutes', async () => {
  await client().put('by-date', Buffer.from('x'));
  const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toUTCString();
  expect(await headMeta('by-date', at(0))).toBe(200);
  expect(await headMeta('by-date', at(14))).toBe(200);
  expect(await headMeta('by-date', at(16))).toBe(403);
  expect(await headMeta('not-there', at(0))).toBe(404);
});
