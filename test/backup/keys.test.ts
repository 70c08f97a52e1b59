import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { kmsKey } from '../../src/backup/keys/kms-key.ts';
import { localKey } from '../../src/backup/keys/local-key.ts';
import { createKeyService } from '../../src/cloud/kms.ts';
import type { RpcCall } from '../../src/cloud/rpc.ts';
import { seededRandom, systemRandom } from '../../src/runtime/random.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { codeOf } from './stage.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wdrip-key-'));
  path = join(folder, 'keys', 'backup.key');
});
afterEach(() => rm(folder, { recursive: true }));

const random = systemRandom;

test('the key file is made once, for its owner alone, and of several who make it all use the same', async () => {
  const keys = await Promise.all(Array.from({ length: 5 }, () => localKey({ path, random, create: true })));
  expect(new Set(keys.map(({ name }) => name)).size).toBe(1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'keys'))).toEqual(['backup.key']);
  const [first, second] = keys;
  const dataKey = await first?.generate('p');
  if (!dataKey) throw new Error('there is a key');
  expect((await second?.unwrap(dataKey.wrapped, 'p'))?.equals(dataKey.plain)).toBe(true);
  expect(JSON.stringify(dataKey.wrapped)).not.toContain(dataKey.plain.toString('hex'));
});

test('a key that is missing, exposed or no key is refused in plain words', async () => {
  expect(await codeOf(localKey({ path, random, create: false }))).toBe('KeyMissing');
  await localKey({ path, random, create: true });
  const secret = /"key":"(\w+)"/.exec(await readFile(path, 'utf8'))?.[1] ?? 'none';
  await chmod(path, 0o644);
  expect(await codeOf(localKey({ path, random, create: true }))).toBe('KeyExposed');
  await chmod(path, 0o600);
  await writeFile(path, `{"version":1,"kind":"wdrip backup key","key":"${secret}0"}`);
  const refused = await localKey({ path, random, create: true }).catch((caught: unknown) => String(caught));
  expect(refused).toContain('holds no backup key');
  expect(refused).not.toContain(secret.slice(0, 8));
});

test('another key, or another purpose, opens nothing, and is named', async () => {
  const one = await localKey({ path, random, create: true });
  const other = await localKey({ path: join(folder, 'other.key'), random, create: true });
  const { wrapped } = await one.generate('backup 1');
  const said = await other.unwrap(wrapped, 'backup 1').catch((caught: unknown) => String(caught));
  expect(said).toContain(one.name);
  expect(said).toContain(other.name);
  expect(await codeOf(one.unwrap(wrapped, 'backup 2'))).toBe('WrongKey');
  const changed = { ...wrapped, wrapped: `A${wrapped.wrapped.slice(1, -4)}AAAA` };
  expect(await codeOf(one.unwrap(changed, 'backup 1'))).toBe('WrongKey');
});

test('a key service makes the data key and opens it again, tied to its purpose', async () => {
  const plain = Buffer.alloc(32, 7);
  const asked: unknown[] = [];
  const call = async <T>({ action, query, answer }: RpcCall<T>): Promise<T> => {
    asked.push({ action, query });
    return answer.parse({ Plaintext: plain.toString('base64'), CiphertextBlob: 'sealed', RequestId: 'r' });
  };
  const options = {
    region: 'cn-a',
    credentials: { accessKeyId: 'a', accessKeySecret: 'b' },
    clock: createVirtualClock(),
    random: seededRandom(1),
  };
  const key = kmsKey(createKeyService(options, call), 'key-1');
  const made = await key.generate('backup 1');
  expect(made).toEqual({ plain, wrapped: { with: 'kms:cn-a/key-1', wrapped: 'sealed' } });
  expect((await key.unwrap(made.wrapped, 'backup 1')).equals(plain)).toBe(true);
  const EncryptionContext = '{"purpose":"backup 1"}';
  expect(asked).toEqual([
    { action: 'GenerateDataKey', query: { KeyId: 'key-1', KeySpec: 'AES_256', EncryptionContext } },
    { action: 'Decrypt', query: { CiphertextBlob: 'sealed', EncryptionContext } },
  ]);
  expect(await codeOf(key.unwrap({ with: 'local:1', wrapped: 'x' }, 'backup 1'))).toBe('WrongKey');
});
