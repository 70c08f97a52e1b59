import { OssError, ossErrors } from './oss-error.ts';
import type { Bucket, StoredVersion } from './records.ts';

const DAY_MS = 86_400_000;
/** Official documentation: a policy that nobody locks within a day is void. */
export const UNLOCKED_MS = DAY_MS;

/** The retention policy that is in force. */
export function wormOf(bucket: Bucket, now: number): Bucket['worm'] {
  const { worm } = bucket;
  return worm === null || worm.locked || now < worm.createdAt + UNLOCKED_MS ? worm : null;
}

/** @throws OssError FileImmutable while the retention period of an object lasts: from its last change, for the days of the policy */
export function mustBeMutable(bucket: Bucket, version: StoredVersion, now: number): void {
  const worm = wormOf(bucket, now);
  if (worm !== null && now < version.modifiedAt + worm.days * DAY_MS)
    throw new OssError(ossErrors.fileImmutable);
}
