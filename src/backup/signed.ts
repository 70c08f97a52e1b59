import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { damaged } from './format/frame.ts';

/**
 * A small record in the open, with a hash against damage, which everybody can check, and a code against changes, which takes the data
 * key. Both are of the body's own text.
 */
export interface SignedRecord {
  readonly body: unknown;
  readonly sha256: string;
  readonly mac: string;
}

const KEY_BYTES = 32;

/** The record's text. */
export function signRecord(body: unknown, dataKey: Buffer): string {
  const text = JSON.stringify(body);
  const record: SignedRecord = { body, sha256: sha256(text), mac: macOf(text, dataKey).toString('hex') };
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

/** Throws `BackupDamaged` if it is no such record, or not as it was written. Says nothing about who wrote it: see `checkSignature`. */
export function readSigned(text: string, what: string): SignedRecord {
  const record = parseJson(text);
  if (!isRecord(record)) throw damaged(what, 'it has not the form that is written');
  if (sha256(JSON.stringify(record.body)) !== record.sha256)
    throw damaged(what, 'its SHA-256 is not the one that it names');
  return record;
}

/** Throws `BackupDamaged` if it was written by somebody without the data key. */
export function checkSignature(record: SignedRecord, dataKey: Buffer, what: string): void {
  const right = macOf(JSON.stringify(record.body), dataKey);
  const given = Buffer.from(record.mac, 'hex');
  if (given.length !== right.length || !timingSafeEqual(given, right))
    throw damaged(what, 'it was changed by somebody who has not its key');
}

function macOf(text: string, dataKey: Buffer): Buffer {
  const key = Buffer.from(hkdfSync('sha256', dataKey, '', 'wdrip backup 1/records', KEY_BYTES));
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isRecord(value: unknown): value is SignedRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'body' in value &&
    'sha256' in value &&
    typeof value.sha256 === 'string' &&
    'mac' in value &&
    typeof value.mac === 'string'
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
