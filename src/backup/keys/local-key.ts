import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { Random } from '../../runtime/random.ts';
import type { AccountKey } from './account-key.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What others than the owner may do with the file: nothing. */
const OTHERS = 0o077;

const fileSchema = z.strictObject({
  version: z.literal(1),
  kind: z.literal('wdrip backup key'),
  key: z
    .string()
    .length(KEY_BYTES * 2)
    .regex(/^[0-9a-f]+$/),
});

/** Where the key is, and whether it may be made. */
export interface LocalKeyOptions {
  readonly path: string;
  readonly random: Random;
  /** Make a new one if there is none. A restore must not: a new key opens nothing. */
  readonly create: boolean;
}

/**
 * The account's key in a file of the owner's alone. Throws `Failure`: `KeyMissing` (notFound), `BadKeyFile` (rejected: what it holds is no
 * key), `KeyExposed` (rejected: others may read it), `KeyUnreadable` (rejected).
 */
export async function localKey(options: LocalKeyOptions): Promise<AccountKey> {
  const { path } = options;
  const text = await readKey(path);
  if (text === undefined && options.create) {
    await createKey(path, options.random);
    return localKey({ ...options, create: false });
  }
  if (text === undefined)
    throw new Failure({
      kind: 'notFound',
      code: 'KeyMissing',
      message: `there is no backup key at ${path}: bring the file back from where you keep its copy; no backup can be opened without it`,
    });
  const parsed = fileSchema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new Failure({
      kind: 'rejected',
      code: 'BadKeyFile',
      message: `${path} holds no backup key of wdrip: bring the file back from where you keep its copy`,
    });
  return keyOf(Buffer.from(parsed.data.key, 'hex'), options.random);
}

async function readKey(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS) !== 0)
      throw new Failure({
        kind: 'rejected',
        code: 'KeyExposed',
        message: `others than its owner may read the backup key ${path}: chmod 600 it, and consider who has read it`,
      });
    return await readFile(path, 'utf8');
  } catch (caught) {
    if (caught instanceof Failure) throw caught;
    if (codeOf(caught) === 'ENOENT') return undefined;
    throw new Failure(
      {
        kind: 'rejected',
        code: 'KeyUnreadable',
        message: `the backup key ${path} could not be read (${codeOf(caught) ?? String(caught)})`,
      },
      { cause: caught },
    );
  }
}

/**
 * Of two processes that create it one wins, and both use that one's: the finished file is linked to its name, which fails if it is taken.
 */
async function createKey(path: string, random: Random): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${random.hex(4)}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    const content = { version: 1, kind: 'wdrip backup key', key: random.hex(KEY_BYTES) };
    await file.writeFile(`${JSON.stringify(content)}\n`);
    await file.sync();
    await link(draft, path).catch((caught: NodeJS.ErrnoException) => {
      if (caught.code !== 'EEXIST') throw caught;
    });
    // The key must outlast the machine's next crash before anything is sealed with it.
    const folder = await open(dirname(path), 'r');
    await folder.sync();
    await folder.close();
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

function keyOf(key: Buffer, random: Random): AccountKey {
  // Tells keys apart in messages and manifests; from a hash so wide nothing of the key can be learnt.
  const name = `local:${createHash('sha256').update('wdrip key name').update(key).digest('hex').slice(0, 16)}`;
  return {
    name,
    async generate(purpose) {
      const plain = Buffer.from(random.hex(KEY_BYTES), 'hex');
      const nonce = Buffer.from(random.hex(NONCE_BYTES), 'hex');
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose));
      const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return { plain, wrapped: { with: name, wrapped: sealed.toString('base64') } };
    },
    async unwrap(wrapped, purpose) {
      const wrong = (why: string, cause?: unknown) =>
        new Failure({ kind: 'rejected', code: 'WrongKey', message: why }, { cause });
      if (wrapped.with !== name)
        throw wrong(`it was encrypted with the key ${wrapped.with}, and this account has ${name}`);
      const sealed = Buffer.from(wrapped.wrapped, 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES));
        decipher.setAAD(Buffer.from(purpose)).setAuthTag(sealed.subarray(-TAG_BYTES));
        const body = sealed.subarray(NONCE_BYTES, -TAG_BYTES);
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch (cause) {
        throw wrong(`its data key does not open for ${purpose}: it was changed, or belongs elsewhere`, cause);
      }
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The system's own code of an error, such as `ENOENT`. */
function codeOf(caught: unknown): string | undefined {
  if (typeof caught !== 'object' || caught === null || !('code' in caught)) return undefined;
  return String(caught.code);
}
