import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { AccountKey } from './account-key.ts';

/**
 * The two calls of a key management service that envelope encryption takes (Alibaba Cloud: `GenerateDataKey` and `Decrypt`). They throw
 * `Failure`.
 */
export interface KeyService {
  readonly region: string;
  generateDataKey(
    keyId: string,
    context: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<{ readonly plain: Buffer; readonly ciphertext: string }>;
  /** The service knows from the ciphertext which key it is. */
  decrypt(
    ciphertext: string,
    context: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Buffer>;
}

const KEY_BYTES = 32;
const nameSchema = z.string().startsWith('kms:');

/**
 * The account's key in a key management service: it never leaves it, who may use it is the service's policy, and each use stands in its
 * audit trail. The purpose goes along as the encryption context. A lost region takes its key along: use a key that is replicated, or
 * `local-key.ts`.
 */
export function kmsKey(service: KeyService, keyId: string): AccountKey {
  const name = `kms:${service.region}/${keyId}`;
  const check = (plain: Buffer): Buffer => {
    if (plain.length === KEY_BYTES) return plain;
    throw new Failure({
      kind: 'rejected',
      code: 'KeyServiceFailed',
      message: `the key service of ${service.region} gave a data key of ${plain.length} bytes where ${KEY_BYTES} were asked for`,
    });
  };
  return {
    name,
    async generate(purpose, signal) {
      const { plain, ciphertext } = await service.generateDataKey(keyId, { purpose }, signal);
      return { plain: check(plain), wrapped: { with: name, wrapped: ciphertext } };
    },
    async unwrap(key, purpose, signal) {
      if (!nameSchema.safeParse(key.with).success)
        throw new Failure({
          kind: 'rejected',
          code: 'WrongKey',
          message: `it was encrypted with the key ${key.with}, and this account has ${name}`,
        });
      return check(await service.decrypt(key.wrapped, { purpose }, signal));
    },
  };
}
