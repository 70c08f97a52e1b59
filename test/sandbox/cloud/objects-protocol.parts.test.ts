import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type OSS from 'ali-oss';
import { crc64Of } from '../../../src/backup/objects/crc64.ts';
import { type ClientOptions, method, ossClient, virtualHosts } from './oss-client.ts';
import { servedCloud } from './served.ts';

const KB = 1024;
const far = 'cn-beijing';
let served: Awaited<ReturnType<typeof servedCloud>>;
beforeAll(async () => {
  served = await servedCloud({ furtherRegions: [far] });
  for (const name of ['objects', 'listed', 'versioned', 'worm', 'encrypted'])
    await served.cloud.putBucket(name);
  await served.cloud.putBucket('far-away', far);
});
afterEach(() => {
  served.cloud.faults.clear();
  served.cloud.throttle.setQuotas({});
});
afterAll(() => served.close());

const client = (bucket: string, changes: Partial<ClientOptions> = {}) => ossClient(served, bucket, changes);
const headers = (answer: object) => ({ headers: answer });

/** What the SDK's types lack of its options. */
interface VersionOptions extends OSS.GetObjectOptions, OSS.RequestOptions {
  readonly versionId: string;
}
const atVersion = (versionId: string): VersionOptions => ({ versionId });

/** Both signatures, each in both styles. */
const ways: readonly [string, () => Partial<ClientOptions>][] = [
  ['V4, path', () => ({})],
  ['V1, path', () => ({ authorizationV4: false })],
  ['V4, virtual host', () => virtualHosts(served)],
  ['V1, virtual host', () => ({ ...virtualHosts(served), authorizationV4: false })],
];

describe.each(ways)('signed %s', (_way, changes) => {
  test('an object in parts: begun, listed, put together, read', async () => {
    const oss = client('objects', changes());
    const { uploadId } = await oss.initMultipartUpload('parts/a', headers({ 'x-oss-meta-kind': 'big' }));
    const content = Buffer.alloc(250 * KB, 'part of a part, ');
    // In any order, and one of them twice: the last holds.
    const sent: { number: number; etag: string }[] = [];
    for (const [number, start, end] of [
      [3, 200, 250],
      [1, 0, 90],
      [2, 100, 200],
      [1, 0, 100],
    ] as const) {
      const { etag, res } = await oss.uploadPart('parts/a', uploadId, number, content, start * KB, end * KB);
      sent.push({ number, etag });
      expect(res.headers).toMatchObject({
        'x-oss-hash-crc64ecma': crc64Of(content.subarray(start * KB, end * KB)),
      });
    }
    const { parts } = await oss.listParts('parts/a', uploadId);
    expect(parts).toMatchObject([{ PartNumber: '1' }, { PartNumber: '2' }, { PartNumber: '3' }]);
    const { uploads } = await oss.listUploads({ prefix: 'parts/', 'max-uploads': 10 });
    expect(uploads).toMatchObject([{ name: 'parts/a', uploadId }]);
    await expect(oss.head('parts/a')).rejects.toMatchObject({ status: 404 });
    const done = await oss.completeMultipartUpload(
      'parts/a',
      uploadId,
      sent.slice(-1).concat(sent.slice(2, 3), sent.slice(0, 1)),
    );
    expect(done.res.headers).toMatchObject({ 'x-oss-hash-crc64ecma': crc64Of(content) });
    const got = await oss.get('parts/a');
    expect(got.content.equals(content)).toBe(true);
    expect(got.res.headers).toMatchObject({ 'x-oss-meta-kind': 'big', 'x-oss-object-type': 'Multipart' });
    expect(String(done.etag)).toMatch(/^"[0-9A-F]{32}-3"$/);
    await expect(oss.listParts('parts/a', uploadId)).rejects.toMatchObject({
      code: 'NoSuchUpload',
      status: 404,
    });
    const again = await oss.initMultipartUpload('parts/b');
    await oss.uploadPart('parts/b', again.uploadId, 1, content, 0, 1_000);
    await oss.abortMultipartUpload('parts/b', again.uploadId);
    expect((await oss.listUploads({ prefix: 'parts/', 'max-uploads': 10 })).uploads).toEqual([]);
    await oss.delete('parts/a');
  });

  test("the client's own upload of a file, and copies of it, whole and by part", async () => {
    const oss = client('objects', changes());
    const file = join(served.directory, 'file.bin');
    const content = Buffer.alloc(450 * KB, 'file ');
    await writeFile(file, content);
    await oss.multipartUpload('file/a', file, {
      partSize: 200 * KB,
      parallel: 2,
      mime: 'application/x-file',
    });
    await oss.putStream('file/stream', createReadStream(file));
    await oss.copy('file/copy', 'file/a');
    const { uploadId } = await oss.initMultipartUpload('file/by-part');
    const source = { sourceKey: 'file/a', sourceBucketName: 'objects' };
    const first = await oss.uploadPartCopy('file/by-part', uploadId, 1, `0-${300 * KB - 1}`, source, {});
    const last = await oss.uploadPartCopy(
      'file/by-part',
      uploadId,
      2,
      `${300 * KB}-${450 * KB - 1}`,
      source,
      {},
    );
    await oss.completeMultipartUpload('file/by-part', uploadId, [
      { number: 1, etag: String(first.etag) },
      { number: 2, etag: String(last.etag) },
    ]);
    for (const name of ['file/a', 'file/stream', 'file/copy', 'file/by-part'])
      expect((await oss.get(name)).content.equals(content)).toBe(true);
    expect((await oss.head('file/copy')).res.headers).toMatchObject({ 'content-type': 'application/x-file' });
    const gone = await oss.deleteMulti([
      'file/a',
      'file/stream',
      'file/copy',
      'file/by-part',
      'file/none & <odd>',
    ]);
    expect(gone.deleted).toHaveLength(5);
    await expect(oss.get('file/a')).rejects.toMatchObject({ code: 'NoSuchKey' });
  });

  test('listings by prefix, delimiter, page and encoding, old and new', async () => {
    const oss = client('listed', changes());
    for (const key of ['a/1', 'a/2', 'a/b/3', 'b', 'c/4', 'ä 中&<']) await oss.put(key, Buffer.from(key));
    const folders = await oss.listV2({ delimiter: '/', 'max-keys': '10' });
    expect(folders.objects.map(({ name }) => name)).toEqual(['b', 'ä 中&<']);
    expect(folders.prefixes).toEqual(['a/', 'c/']);
    const under = await oss.list({ prefix: 'a/', delimiter: '/', 'max-keys': 10 }, {});
    expect(under.objects.map(({ name }) => name)).toEqual(['a/1', 'a/2']);
    expect(under.prefixes).toEqual(['a/b/']);
    const names: string[] = [];
    let token: string | undefined;
    do {
      const query = { 'max-keys': '2', ...(token === undefined ? {} : { 'continuation-token': token }) };
      const page = await oss.listV2(query);
      names.push(...page.objects.map(({ name }) => name));
      token = page.isTruncated ? page.nextContinuationToken : undefined;
    } while (token !== undefined);
    expect(names).toEqual(['a/1', 'a/2', 'a/b/3', 'b', 'c/4', 'ä 中&<']);
    const page = await oss.list({ 'max-keys': 4, 'encoding-type': 'url' }, {});
    expect(page).toMatchObject({ isTruncated: true, nextMarker: 'b' });
    const rest = await oss.list({ 'max-keys': 4, marker: 'b', 'encoding-type': 'url' }, {});
    expect(rest.objects.map(({ name }) => name)).toEqual(['c%2F4', '%C3%A4%20%E4%B8%AD%26%3C']);
    await expect(oss.listV2({ 'max-keys': '1001' })).rejects.toMatchObject({ code: 'InvalidArgument' });
    await expect(oss.listV2({ 'continuation-token': 'made-up' })).rejects.toMatchObject({
      code: 'InvalidArgument',
    });
    await oss.deleteMulti(names);
  });
});

test('conditions on reads', async () => {
  const oss = client('objects');
  const { res } = await oss.put('conditions', Buffer.from('x'));
  const etag = String(Reflect.get(res.headers, 'etag'));
  const read = (given: object) => oss.get('conditions', headers(given)).then((answer) => answer.res.status);
  const at = (seconds: number) => new Date(Date.now() + seconds * 1_000).toUTCString();
  expect(await read({ 'If-Match': etag })).toBe(200);
  expect(await read({ 'If-None-Match': '"other"' })).toBe(200);
  expect(await read({ 'If-None-Match': etag })).toBe(304);
  expect(await read({ 'If-Modified-Since': at(60) })).toBe(304);
  expect(await read({ 'If-Modified-Since': at(-60) })).toBe(200);
  expect(await read({ 'If-Unmodified-Since': at(60) })).toBe(200);
  for (const failed of [{ 'If-Match': '"other"' }, { 'If-Unmodified-Since': at(-60) }])
    await expect(read(failed)).rejects.toMatchObject({ code: 'PreconditionFailed', status: 412 });
});

test('ranges: what goes beyond the end is the whole, unless the standard is asked for', async () => {
  const oss = client('objects');
  await oss.put('ranges', Buffer.from('0123456789'));
  const read = async (range: string, standard: boolean) => {
    const given = { Range: range, ...(standard ? { 'x-oss-range-behavior': 'standard' } : {}) };
    const { res, content } = await oss.get('ranges', headers(given));
    return `${res.status} ${content}`;
  };
  expect(await read('bytes=2-4', false)).toBe('206 234');
  expect(await read('bytes=7-', false)).toBe('206 789');
  expect(await read('bytes=-2', false)).toBe('206 89');
  expect(await read('bytes=5-20', false)).toBe('200 0123456789');
  expect(await read('bytes=10-20', false)).toBe('200 0123456789');
  expect(await read('nonsense', true)).toBe('200 0123456789');
  expect(await read('bytes=5-20', true)).toBe('206 56789');
  expect(await read('bytes=-20', true)).toBe('206 0123456789');
  await expect(read('bytes=10-20', true)).rejects.toMatchObject({ code: 'InvalidRange', status: 416 });
});

test('what is wrong with parts is refused', async () => {
  const oss = client('objects');
  const { uploadId } = await oss.initMultipartUpload('wrong');
  const content = Buffer.alloc(200 * KB);
  const send = (number: number, size: number) => oss.uploadPart('wrong', uploadId, number, content, 0, size);
  const [small, last] = [await send(1, 100 * KB - 1), await send(2, 10)];
  const parts = [
    { number: 1, etag: small.etag },
    { number: 2, etag: last.etag },
  ];
  await expect(oss.completeMultipartUpload('wrong', uploadId, parts)).rejects.toMatchObject({
    code: 'EntityTooSmall',
    status: 400,
  });
  await send(1, 100 * KB);
  await expect(oss.completeMultipartUpload('wrong', uploadId, parts)).rejects.toMatchObject({
    code: 'InvalidPart',
  });
  await expect(send(10_001, 10)).rejects.toMatchObject({ code: 'InvalidArgument' });
  // The client sorts the parts, so this one is sent by hand.
  const xml = `<CompleteMultipartUpload>${[2, 1].map((n) => `<Part><PartNumber>${n}</PartNumber><ETag>"x"</ETag></Part>`).join('')}</CompleteMultipartUpload>`;
  const asked = method(
    oss,
    'request',
  )({
    object: 'wrong',
    bucket: 'objects',
    method: 'POST',
    subres: { uploadId },
    content: Buffer.from(xml),
    successStatuses: [200],
  });
  await expect(asked).rejects.toMatchObject({ code: 'InvalidPartOrder', status: 400 });
  await expect(oss.uploadPart('wrong', 'NOSUCH', 1, content, 0, 10)).rejects.toMatchObject({ status: 404 });
  await oss.put('taken', Buffer.from('1'));
  const forbid = headers({ 'x-oss-forbid-overwrite': 'true' });
  await expect(oss.initMultipartUpload('taken', forbid)).rejects.toMatchObject({ code: 'FileAlreadyExists' });
  const copied = oss.copy('taken', 'ranges', forbid);
  await expect(copied).rejects.toMatchObject({ code: 'FileAlreadyExists', status: 409 });
});

test('versions: nothing is lost, markers hide, and forbidding to overwrite is ignored', async () => {
  const oss = client('versioned');
  await oss.put('old', Buffer.from('from before'));
  await method(oss, 'putBucketVersioning')('versioned', 'Enabled');
  expect(await method(oss, 'getBucketVersioning')('versioned')).toMatchObject({ versionStatus: 'Enabled' });
  await oss.put('old', Buffer.from('two'), headers({ 'x-oss-forbid-overwrite': 'true' }));
  const third = await oss.put('old', Buffer.from('three'));
  const id = String(Reflect.get(third.res.headers, 'x-oss-version-id'));
  const removed = await oss.delete('old');
  expect(removed.res.headers).toMatchObject({ 'x-oss-delete-marker': 'true' });
  await expect(oss.get('old')).rejects.toMatchObject({ code: 'NoSuchKey' });
  expect((await oss.get('old', atVersion(id))).content.toString()).toBe('three');
  expect((await oss.get('old', atVersion('null'))).content.toString()).toBe('from before');
  const page = await method(oss, 'getBucketVersions')({ 'max-keys': 3 });
  expect(page).toMatchObject({
    objects: [{ versionId: id, isLatest: false, size: 5 }, { size: 3 }],
    deleteMarker: [{ name: 'old' }],
    isTruncated: true,
    nextKeyMarker: 'old',
  });
  const { nextKeyMarker: keyMarker, nextVersionIdMarker: versionIdMarker } = Object(page);
  const rest = await method(oss, 'getBucketVersions')({ 'max-keys': 3, keyMarker, versionIdMarker });
  expect(rest).toMatchObject({ objects: [{ versionId: 'null' }], deleteMarker: [], isTruncated: false });
  const marker = String(Reflect.get(removed.res.headers, 'x-oss-version-id'));
  const readMarker = oss.get('old', atVersion(marker));
  await expect(readMarker).rejects.toMatchObject({ code: 'MethodNotAllowed', status: 405 });
  await oss.delete('old', atVersion(marker));
  expect((await oss.get('old')).content.toString()).toBe('three');
  await method(oss, 'putBucketVersioning')('versioned', 'Suspended');
  await oss.put('old', Buffer.from('while suspended'));
  const last = await method(oss, 'getBucketVersions')({});
  expect(last).toMatchObject({
    objects: [{ versionId: 'null', size: 15, isLatest: true }, { versionId: id }, { size: 3 }],
  });
  await expect(method(oss, 'initiateBucketWorm')('versioned', '1')).rejects.toMatchObject({ status: 409 });
});

test('a retention policy: begun, locked, made longer, never shorter', async () => {
  const oss = client('worm');
  await oss.put('before', Buffer.from('x'));
  await expect(method(oss, 'getBucketWorm')('worm')).rejects.toMatchObject({
    code: 'NoSuchWORMConfiguration',
  });
  const { wormId } = Object(await method(oss, 'initiateBucketWorm')('worm', '2'));
  expect(await method(oss, 'getBucketWorm')('worm')).toMatchObject({ state: 'InProgress', days: '2' });
  await method(oss, 'abortBucketWorm')('worm');
  const { wormId: second } = Object(await method(oss, 'initiateBucketWorm')('worm', '2'));
  await method(oss, 'completeBucketWorm')('worm', second);
  // Of this one, and of the one that sets versioning, the client takes every answer for good.
  expect(await method(oss, 'abortBucketWorm')('worm')).toMatchObject({ status: 409 });
  await expect(method(oss, 'extendBucketWorm')('worm', second, '1')).rejects.toMatchObject({ status: 400 });
  await method(oss, 'extendBucketWorm')('worm', second, '3');
  expect(await method(oss, 'getBucketWorm')('worm')).toMatchObject({ state: 'Locked', days: '3' });
  expect(typeof wormId).toBe('string');
  const immutable = { code: 'FileImmutable', status: 409 };
  await expect(oss.delete('before')).rejects.toMatchObject(immutable);
  await expect(oss.put('before', Buffer.from('y'))).rejects.toMatchObject(immutable);
  await expect(oss.deleteMulti(['before'])).rejects.toMatchObject(immutable);
  expect(await method(oss, 'putBucketVersioning')('worm', 'Enabled')).toMatchObject({ status: 409 });
  await oss.put('after', Buffer.from('z'));
});

test('encryption is told of what was written with it, by the object’s wish or the bucket’s', async () => {
  const oss = client('encrypted');
  const by = 'x-oss-server-side-encryption';
  expect((await oss.put('own', Buffer.from('x'), headers({ [by]: 'KMS' }))).res.headers).toMatchObject({
    [by]: 'KMS',
  });
  await method(oss, 'putBucketEncryption')('encrypted', { SSEAlgorithm: 'AES256' });
  await oss.put('default', Buffer.from('x'));
  expect((await oss.get('default')).res.headers).toMatchObject({ [by]: 'AES256' });
  const wrong = oss.put('wrong', Buffer.from('x'), headers({ [by]: 'ROT13' }));
  await expect(wrong).rejects.toMatchObject({ code: 'InvalidEncryptionAlgorithmError' });
});

test('a bucket answers in its own region only, and its name is taken in all', async () => {
  const beijing = { endpoint: served.servers.ossEndpoints[far] ?? '', region: 'oss-cn-beijing' };
  await client('far-away', beijing).put('x', Buffer.from('far'));
  const here = client('far-away');
  await expect(here.get('x')).rejects.toMatchObject({ code: 'AccessDenied', status: 403 });
  await expect(method(here, 'putBucket')('far-away')).rejects.toMatchObject({ code: 'BucketAlreadyExists' });
  const elsewhere = client('objects', beijing);
  await expect(elsewhere.put('x', Buffer.from('y'))).rejects.toMatchObject({ code: 'AccessDenied' });
  const listed = await method(client('objects'), 'listBuckets')({});
  expect(listed).toMatchObject({
    buckets: expect.arrayContaining([expect.objectContaining({ name: 'far-away' })]),
  });
  const info = await client('far-away', beijing).getBucketInfo('far-away');
  expect(info.bucket).toMatchObject({ Location: 'oss-cn-beijing' });
  served.cloud.faults.add({ action: 'oss:*', region: far, answer: { kind: 'reset' } });
  await expect(client('far-away', beijing).get('x')).rejects.toMatchObject({ status: -1 });
  await client('objects').put('still', Buffer.from('here'));
});

test('faults: lost answers, broken and slow bodies, too many requests', async () => {
  const oss = client('objects');
  const { faults, throttle } = served.cloud;
  faults.add({ action: 'oss:PutObject', count: 1, afterEffect: true, answer: { kind: 'reset' } });
  await expect(oss.put('lost', Buffer.from('but there'))).rejects.toMatchObject({ status: -1 });
  expect((await oss.get('lost')).content.toString()).toBe('but there');
  faults.add({
    action: 'oss:PutObject',
    keyPrefix: 'cut',
    count: 1,
    answer: { kind: 'cut', afterBytes: 50_000 },
  });
  await expect(oss.put('cut', Buffer.alloc(200_000))).rejects.toMatchObject({ status: -1 });
  await expect(oss.head('cut')).rejects.toMatchObject({ status: 404 });
  await oss.put('slow', Buffer.alloc(20_000));
  faults.add({ action: 'oss:GetObject', count: 1, answer: { kind: 'slow', bytesPerSecond: 100_000 } });
  const before = Date.now();
  await oss.get('slow');
  expect(Date.now() - before).toBeGreaterThan(150);
  throttle.setQuotas({ byAction: { 'oss:GetObject': { calls: 1, windowMs: 3_600_000 } } });
  await oss.get('slow');
  await expect(oss.get('slow')).rejects.toMatchObject({ code: 'QpsLimitExceeded', status: 503 });
});

test('refusals carry a request id and an error code', async () => {
  const refused = await client('objects')
    .get('none')
    .catch((caught: unknown) => caught);
  expect(refused).toMatchObject({ code: 'NoSuchKey', ecCode: '0026-00000001' });
  expect(String(Reflect.get(Object(refused), 'requestId'))).toMatch(/^[0-9A-F]{24}$/);
});
