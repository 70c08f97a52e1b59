import { unverified } from '../../unverified.ts';
import { OssError } from '../oss-error.ts';

/** Bytes `start` to `end`, both included. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * `bytes=0-99`, `bytes=100-`, `bytes=-5`. Null is the whole object with status 200: for what is no such range, and, unless
 * `x-oss-range-behavior: standard` asks for HTTP's own ways, for a range that goes beyond the object's end too (official documentation).
 * @throws OssError InvalidRange
 */
export function rangeOf(headers: Readonly<Record<string, string>>, size: number): Range | null {
  const [whole = '', first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (whole === '' || (first === '' && last === '')) return null;
  const standard = headers['x-oss-range-behavior'] === 'standard';
  const start = first === '' ? size - Number(last) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Number(last);
  if (first !== '' && last !== '' && Number(first) > Number(last)) return null;
  if (!standard) return start < 0 || start >= size || end >= size ? null : { start, end };
  if (start >= size || (first === '' && Number(last) === 0)) throw new OssError(unverified.oss.badRange);
  return { start: Math.max(0, start), end: Math.min(end, size - 1) };
}
