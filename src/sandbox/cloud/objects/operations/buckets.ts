import { unverified } from '../../unverified.ts';
import { OssError, ossErrors } from '../oss-error.ts';
import type { Bucket } from '../records.ts';
import { wormOf } from '../worm.ts';
import { textOf, xml } from '../xml.ts';
import { type Answer, type BucketCall, type Call, isoSeconds, owner, textBody } from './call.ts';

/** Official documentation: a day to seventy years. */
const MOST_WORM_DAYS = 25_550;

export async function listBuckets(call: Call): Promise<Answer> {
  const prefix = call.query.get('prefix') ?? '';
  const buckets = call.store
    .buckets()
    .filter(({ name }) => name.startsWith(prefix))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((bucket) => ({ ...placeOf(bucket), Region: bucket.region, StorageClass: 'Standard' }));
  return { status: 200, body: xml('ListAllMyBucketsResult', { Owner: owner, Buckets: { Bucket: buckets } }) };
}

function placeOf({ name, region, createdAt }: Bucket) {
  return {
    Name: name,
    CreationDate: isoSeconds(createdAt),
    Location: `oss-${region}`,
    ExtranetEndpoint: `oss-${region}.aliyuncs.com`,
    IntranetEndpoint: `oss-${region}-internal.aliyuncs.com`,
  };
}

/** The same again is no error: a bucket that is one's own is made only once. */
export async function putBucket({ store, bucketName, region }: Call): Promise<Answer> {
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucketName)) throw new OssError(ossErrors.invalidBucketName);
  await store.createBucket(bucketName, region);
  return { status: 200, headers: { location: `/${bucketName}` } };
}

export async function deleteBucket({ store, bucket }: BucketCall): Promise<Answer> {
  await store.deleteBucket(bucket.name);
  return { status: 204 };
}

export async function getBucketInfo({ bucket }: BucketCall): Promise<Answer> {
  const elements = {
    ...placeOf(bucket),
    Owner: owner,
    AccessControlList: { Grant: 'private' },
    StorageClass: 'Standard',
    DataRedundancyType: 'LRS',
    Versioning: versioningOf(bucket),
    ServerSideEncryptionRule: { SSEAlgorithm: bucket.encryption ?? 'None' },
  };
  return { status: 200, body: xml('BucketInfo', { Bucket: elements }) };
}

export async function getLocation({ bucket }: BucketCall): Promise<Answer> {
  return { status: 200, body: xml('LocationConstraint', `oss-${bucket.region}`) };
}

function versioningOf({ versioning }: Bucket): string | null {
  return versioning === 'never' ? null : versioning === 'enabled' ? 'Enabled' : 'Suspended';
}

export async function getVersioning({ bucket }: BucketCall): Promise<Answer> {
  return { status: 200, body: xml('VersioningConfiguration', { Status: versioningOf(bucket) }) };
}

export async function putVersioning(call: BucketCall): Promise<Answer> {
  const status = textOf(await textBody(call), 'Status');
  if (status !== 'Enabled' && status !== 'Suspended') throw new OssError(ossErrors.malformedXml);
  if (wormOf(call.bucket, call.clock.now()) !== null) throw new OssError(unverified.oss.versioningWithWorm);
  await call.store.changeBucket(call.bucket.name, {
    versioning: status === 'Enabled' ? 'enabled' : 'suspended',
  });
  return { status: 200 };
}

export async function getEncryption({ bucket }: BucketCall): Promise<Answer> {
  if (bucket.encryption === null)
    throw new OssError({
      status: 404,
      code: 'NoSuchServerSideEncryptionRule',
      message: 'The bucket has no encryption rule.',
    });
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: bucket.encryption } };
  return { status: 200, body: xml('ServerSideEncryptionRule', rule) };
}

export async function putEncryption(call: BucketCall): Promise<Answer> {
  const encryption = textOf(await textBody(call), 'SSEAlgorithm');
  if (encryption !== 'AES256' && encryption !== 'KMS') throw new OssError(unverified.oss.badEncryption);
  await call.store.changeBucket(call.bucket.name, { encryption });
  return { status: 200 };
}

export async function deleteEncryption({ store, bucket }: BucketCall): Promise<Answer> {
  await store.changeBucket(bucket.name, { encryption: null });
  return { status: 204 };
}

export async function initiateWorm(call: BucketCall): Promise<Answer> {
  const { bucket, store, clock } = call;
  const days = await daysOf(call);
  if (bucket.versioning !== 'never') throw new OssError(unverified.oss.wormWithVersioning);
  if (wormOf(bucket, clock.now()) !== null) throw new OssError(ossErrors.wormLocked);
  const now = clock.now();
  const id = Buffer.from(`${bucket.name}/${now}`).toString('hex').toUpperCase().slice(0, 32);
  await store.changeBucket(bucket.name, { worm: { id, days, locked: false, createdAt: now } });
  return { status: 200, headers: { 'x-oss-worm-id': id } };
}

/** Locks the policy, for good. */
export async function completeWorm(call: BucketCall): Promise<Answer> {
  const worm = mustHaveWorm(call);
  await call.store.changeBucket(call.bucket.name, { worm: { ...worm, locked: true } });
  return { status: 200 };
}

/** A locked policy can only become longer. */
export async function extendWorm(call: BucketCall): Promise<Answer> {
  const worm = mustHaveWorm(call);
  const days = await daysOf(call);
  if (!worm.locked || days <= worm.days) throw new OssError(ossErrors.invalidWorm);
  await call.store.changeBucket(call.bucket.name, { worm: { ...worm, days } });
  return { status: 200 };
}

export async function abortWorm(call: BucketCall): Promise<Answer> {
  const worm = wormOf(call.bucket, call.clock.now());
  if (worm === null) throw new OssError(ossErrors.noSuchWorm);
  if (worm.locked) throw new OssError(ossErrors.wormLocked);
  await call.store.changeBucket(call.bucket.name, { worm: null });
  return { status: 204 };
}

export async function getWorm(call: BucketCall): Promise<Answer> {
  const worm = wormOf(call.bucket, call.clock.now());
  if (worm === null) throw new OssError(ossErrors.noSuchWorm);
  const body = xml('WormConfiguration', {
    WormId: worm.id,
    State: worm.locked ? 'Locked' : 'InProgress',
    RetentionPeriodInDays: worm.days,
    CreationDate: isoSeconds(worm.createdAt),
  });
  return { status: 200, body };
}

function mustHaveWorm(call: BucketCall): NonNullable<Bucket['worm']> {
  const worm = wormOf(call.bucket, call.clock.now());
  if (worm === null || worm.id !== call.query.get('wormId')) throw new OssError(ossErrors.noSuchWorm);
  return worm;
}

async function daysOf(call: BucketCall): Promise<number> {
  const days = Number(textOf(await textBody(call), 'RetentionPeriodInDays') ?? Number.NaN);
  if (!(Number.isInteger(days) && days >= 1 && days <= MOST_WORM_DAYS))
    throw new OssError(ossErrors.invalidWorm);
  return days;
}
