import { longestMessageBytes } from './limits.ts';
import { numberOf } from './numbers.ts';
import type { Change } from './port.ts';
import { Fields, field, PREFIX_BYTES } from './protobuf.ts';

/** etcd's `WatchResponse` (api/etcdserverpb/rpc.proto), as far as it is read. */
export interface WatchMessage {
  /** Of the member, when it wrote this. */
  readonly revision: number;
  readonly created: boolean;
  /** The server has ended the watch, since what comes next is compacted (`compactRevision` above 0) or for another reason. */
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** The last revision goes on in the next message. */
  readonly fragment: boolean;
  /** Keys and values are views of what came. */
  readonly changes: readonly Change[];
}

/** Of etcd's protocol: the numbers of the fields that are sent or read. */
const request = { create: 1, progress: 3, key: 1, rangeEnd: 2, startRevision: 3, fragment: 8 } as const;
const response = {
  header: 1,
  created: 3,
  canceled: 4,
  compactRevision: 5,
  cancelReason: 6,
  fragment: 7,
  event: 11,
  revisionInHeader: 3,
} as const;
const event = { type: 1, keyValue: 2, deleted: 1 } as const;
const keyValue = { key: 1, createRevision: 2, modRevision: 3, version: 4, value: 5, lease: 6 } as const;
const empty: Buffer = Buffer.alloc(0);
/** From the first key there can be, to the last: a range that begins and ends with a zero byte is everything. */
const everything = Buffer.from([0]);

/** Asks for all keys' changes. A server that is busy can't split one revision's changes over messages without saying so (`fragment`). */
export function createRequest(startRevision: number): Buffer {
  return field(
    request.create,
    Buffer.concat([
      field(request.key, everything),
      field(request.rangeEnd, everything),
      field(request.startRevision, startRevision),
      field(request.fragment, 1),
    ]),
  );
}

/** Asks how far the watch has come. */
export const progressRequest = field(request.progress, empty);

/** Takes `WatchResponse`s out of a stream of gRPC messages, wherever that is cut. */
export class WatchMessages {
  #parts: Buffer[] = [];
  #bytes = 0;
  /** So many bytes have to be there before anything can be understood. */
  #needed = PREFIX_BYTES;

  /** Nothing is half told. */
  get complete(): boolean {
    return this.#bytes === 0;
  }

  /** Takes what has come; gives what is whole. Throws if these are no such messages. */
  take(data: Buffer): readonly WatchMessage[] {
    this.#parts.push(data);
    this.#bytes += data.length;
    if (this.#bytes < this.#needed) return [];
    const messages: WatchMessage[] = [];
    let left = this.#parts.length === 1 ? data : Buffer.concat(this.#parts);
    for (this.#needed = lengthOf(left); left.length >= this.#needed; this.#needed = lengthOf(left)) {
      messages.push(messageOf(new Fields(left, PREFIX_BYTES, this.#needed)));
      left = left.subarray(this.#needed);
    }
    this.#parts = left.length === 0 ? [] : [left];
    this.#bytes = left.length;
    return messages;
  }
}

/** Of the message that begins here, with its prefix; or of a prefix, while that has not come. */
function lengthOf(from: Buffer): number {
  if (from.length < PREFIX_BYTES) return PREFIX_BYTES;
  if (from.readUInt8() !== 0) throw new Error('what came is compressed, which was not asked for');
  const length = from.readUInt32BE(1);
  if (length > longestMessageBytes) throw new Error(`what came is no message of a watch: of ${length} bytes`);
  return PREFIX_BYTES + length;
}

function messageOf(fields: Fields): WatchMessage {
  let [revision, created, canceled, compactRevision, fragment] = [0, false, false, 0, false];
  let cancelReason = '';
  const changes: Change[] = [];
  for (let number = fields.next(); number !== 0; number = fields.next())
    switch (number) {
      case response.header:
        revision = revisionIn(fields.fields());
        break;
      case response.created:
        created = fields.number() !== 0;
        break;
      case response.canceled:
        canceled = fields.number() !== 0;
        break;
      case response.compactRevision:
        compactRevision = numberOf(fields.number(), 'the compacted revision');
        break;
      case response.cancelReason:
        cancelReason = fields.bytes().toString();
        break;
      case response.fragment:
        fragment = fields.number() !== 0;
        break;
      case response.event:
        changes.push(changeIn(fields.fields()));
        break;
      default:
        fields.skip();
    }
  return { revision, created, canceled, compactRevision, cancelReason, fragment, changes };
}

function revisionIn(header: Fields): number {
  let revision = 0;
  for (let number = header.next(); number !== 0; number = header.next())
    if (number === response.revisionInHeader) revision = numberOf(header.number(), 'a revision');
    else header.skip();
  return revision;
}

function changeIn(fields: Fields): Change {
  let deleted = false;
  let within: Fields | undefined;
  for (let number = fields.next(); number !== 0; number = fields.next())
    if (number === event.type) deleted = fields.number() === event.deleted;
    else if (number === event.keyValue) within = fields.fields();
    else fields.skip();
  let [key, value, version, createRevision, modRevision] = [empty, empty, 0, 0, 0];
  let lease: string | null = null;
  for (let number = within?.next() ?? 0; within && number !== 0; number = within.next())
    switch (number) {
      case keyValue.key:
        key = within.bytes();
        break;
      case keyValue.createRevision:
        createRevision = numberOf(within.number(), 'a revision');
        break;
      case keyValue.modRevision:
        modRevision = numberOf(within.number(), 'a revision');
        break;
      case keyValue.version:
        version = numberOf(within.number(), 'a version');
        break;
      case keyValue.value:
        value = within.bytes();
        break;
      case keyValue.lease:
        lease = within.hex();
        break;
      default:
        within.skip();
    }
  return deleted
    ? { type: 'delete', key, modRevision }
    : { type: 'put', key, value, version, createRevision, modRevision, lease };
}
