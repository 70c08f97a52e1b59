import { OssError, ossErrors } from '../oss-error.ts';
import type { StoredVersion } from '../records.ts';
import { wholeSeconds } from './call.ts';

/** The four headers of a condition, with their prefix: '' on reads, `x-oss-copy-source-` on copies. */
type Headers = Readonly<Record<string, string>>;

/**
 * What the conditional headers make of a read: null is to go on, `notModified` is 304.
 * @throws OssError PreconditionFailed
 */
export function conditionsOf(headers: Headers, version: StoredVersion, prefix = ''): 'notModified' | null {
  const failed = (condition: string) => new OssError(ossErrors.preconditionFailed, { Condition: condition });
  const match = headers[`${prefix}if-match`];
  if (match !== undefined && !names(match, version)) throw failed('If-Match');
  const since = timeOf(headers[`${prefix}if-unmodified-since`]);
  if (match === undefined && since !== null && wholeSeconds(version.modifiedAt) > since)
    throw failed('If-Unmodified-Since');
  const noneMatch = headers[`${prefix}if-none-match`];
  if (noneMatch !== undefined && names(noneMatch, version)) return 'notModified';
  const modified = timeOf(headers[`${prefix}if-modified-since`]);
  if (noneMatch === undefined && modified !== null && wholeSeconds(version.modifiedAt) <= modified)
    return 'notModified';
  return null;
}

/** With quotes or without. */
function names(etags: string, version: StoredVersion): boolean {
  return etags.split(',').some((etag) => ['*', version.etag].includes(etag.trim().replaceAll('"', '')));
}

/** What is no date is ignored, as HTTP has it. */
function timeOf(header: string | undefined): number | null {
  const at = header === undefined ? Number.NaN : new Date(header).getTime();
  return Number.isNaN(at) ? null : at;
}
