import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { Clock } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';
import { crc64 } from './crc64.ts';
import { OssError, ossErrors } from './oss-error.ts';

const objectSchema = z
  .object({
    bucket: z.string(),
    key: z.string(),
    /** Name of the file that holds the bytes. */
    file: z.string(),
    size: z.number(),
    md5: z.string(),
    /** Unsigned decimal. */
    crc64: z.string(),
    contentType: z.string(),
    /** `x-oss-meta-*` as given. */
    meta: z.record(z.string(), z.string()).readonly(),
    /** Epoch ms. */
    modifiedAt: z.number(),
  })
  .readonly();
/** An object without its bytes. `md5` is hex. */
export type StoredObject = z.infer<typeof objectSchema>;

/** Official documentation: the most that one PutObject takes. */
const MOST_OBJECT_BYTES = 5 * 1024 ** 3;

/** What is put. */
export interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly contentType: string;
  readonly meta: Readonly<Record<string, string>>;
  /** Base64, as in Content-MD5. */
  readonly contentMd5: string | null;
  readonly forbidOverwrite: boolean;
}

/** Objects as files: readers see an object whole, the old one or the new one. */
export interface ObjectStore {
  /** @throws OssError InvalidDigest, FileAlreadyExists, EntityTooLarge; nothing is stored then */
  put(upload: Upload): Promise<StoredObject>;
  find(bucket: string, key: string): StoredObject | null;
  /** Bytes `start` to `end`, both included. */
  read(object: StoredObject, range?: { readonly start: number; readonly end: number }): Readable;
  remove(bucket: string, key: string): Promise<void>;
}

/** Opens the objects in a directory, which is made if need be. */
export async function openObjectStore(settings: {
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<ObjectStore> {
  const { directory, clock, random } = settings;
  await mkdir(directory, { recursive: true });
  const index = await readIndex(directory);
  const indexFile = (bucket: string, key: string) =>
    join(directory, `${createHash('sha256').update(`${bucket}/${key}`).digest('hex')}.json`);
  const discard = (file: string) => rm(join(directory, file), { force: true });

  return {
    async put(upload) {
      const { bucket, key } = upload;
      const file = `${random.hex(16)}.bytes`;
      let known: Awaited<ReturnType<typeof writeBytes>>;
      try {
        known = await writeBytes(join(directory, file), upload);
      } catch (caught) {
        await discard(file);
        throw caught;
      }
      const before = index.get(`${bucket}/${key}`);
      if (before !== undefined && upload.forbidOverwrite) {
        await discard(file);
        throw new OssError(ossErrors.fileAlreadyExists);
      }
      const { contentType, meta } = upload;
      const object = { bucket, key, file, ...known, contentType, meta, modifiedAt: clock.now() };
      index.set(`${bucket}/${key}`, object);
      await writeWhole(indexFile(bucket, key), `${file}.json.new`, directory, JSON.stringify(object));
      if (before !== undefined) await discard(before.file);
      return object;
    },
    find: (bucket, key) => index.get(`${bucket}/${key}`) ?? null,
    read: (object, range) => createReadStream(join(directory, object.file), range),
    async remove(bucket, key) {
      const object = index.get(`${bucket}/${key}`);
      if (object === undefined) return;
      index.delete(`${bucket}/${key}`);
      await rm(indexFile(bucket, key), { force: true });
      await discard(object.file);
    },
  };
}

async function readIndex(directory: string): Promise<Map<string, StoredObject>> {
  const index = new Map<string, StoredObject>();
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.json')) continue;
    const object = objectSchema.parse(JSON.parse(await readFile(join(directory, name), 'utf8')));
    index.set(`${object.bucket}/${object.key}`, object);
  }
  return index;
}

/** Writes the bytes, and knows them by then. @throws OssError if they are too many or not those that were announced */
async function writeBytes(
  path: string,
  upload: Upload,
): Promise<Pick<StoredObject, 'size' | 'md5' | 'crc64'>> {
  const md5 = createHash('md5');
  const crc = crc64();
  let size = 0;
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of upload.body) {
      size += chunk.length;
      if (size > MOST_OBJECT_BYTES) throw new OssError(ossErrors.entityTooLarge);
      md5.update(chunk);
      crc.update(chunk);
      await handle.writeFile(chunk);
    }
  } finally {
    await handle.close();
  }
  const hash = md5.digest();
  if (upload.contentMd5 !== null && upload.contentMd5 !== hash.toString('base64'))
    throw new OssError(ossErrors.invalidDigest);
  return { size, md5: hash.toString('hex'), crc64: crc.digest() };
}

async function writeWhole(path: string, freshName: string, directory: string, text: string): Promise<void> {
  const fresh = join(directory, freshName);
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
  await rename(fresh, path);
}
