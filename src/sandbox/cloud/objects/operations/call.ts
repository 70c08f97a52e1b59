import type { Clock } from '../../../../runtime/clock.ts';
import type { Principal } from '../../identity.ts';
import type { ObjectStore } from '../object-store.ts';
import { OssError, ossErrors } from '../oss-error.ts';
import type { Bucket } from '../records.ts';

/** Everything about one request that an operation needs. */
export interface Call {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly principal: Principal;
  /** Of the endpoint that was asked. */
  readonly region: string;
  /** Of the names in the request; '' if it names none. */
  readonly bucketName: string;
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly method: string;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A call about a bucket that exists, in this region. */
export interface BucketCall extends Call {
  readonly bucket: Bucket;
}

/** What is answered. Text is XML. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
}

/** 10 000 parts of a complete upload take 1.2 MB, 1000 long names of a deletion 2 MB. */
const MOST_XML_BYTES = 4 * 1024 * 1024;

/** The body of a request that is XML. @throws OssError MalformedXML if it is too long */
export async function textBody(call: Call): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of call.body) {
    size += chunk.length;
    if (size > MOST_XML_BYTES) throw new OssError(ossErrors.malformedXml);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A whole number in the query, within bounds. @throws OssError InvalidArgument */
export function numberOf(
  call: Call,
  name: string,
  bounds: { readonly least: number; readonly most: number; readonly otherwise: number },
): number {
  const text = call.query.get(name);
  if (text === undefined) return bounds.otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= bounds.least && value <= bounds.most)) throw invalidArgument(name, text);
  return value;
}

export function invalidArgument(name: string, value: string): OssError {
  return new OssError(ossErrors.invalidArgument, { ArgumentName: name, ArgumentValue: value });
}

/** As XML bodies have it: `2026-11-24T11:41:49.000Z`. Object storage keeps whole seconds. */
export function isoSeconds(at: number): string {
  return new Date(wholeSeconds(at)).toISOString();
}

export function wholeSeconds(at: number): number {
  return Math.floor(at / 1_000) * 1_000;
}

/** Names as listings tell them, when `encoding-type=url` asks for it. */
export function encoderOf(call: Call): (text: string) => string {
  const type = call.query.get('encoding-type');
  if (type === undefined) return (text) => text;
  if (type !== 'url') throw invalidArgument('encoding-type', type);
  return (text) => encodeURIComponent(text);
}

/** The account, as owner of everything. */
export const owner = { ID: '1000000000000000', DisplayName: '1000000000000000' } as const;
