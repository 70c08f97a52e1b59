import { z } from 'zod';
import { createRpcCaller, type Product, type RpcCaller } from './rpc.ts';
import type { AlibabaOptions } from './sdk.ts';

/**
 * Alibaba Cloud's Key Management Service, API 2016-01-20: `GenerateDataKey` and `Decrypt`. Written from its documentation; no sandbox
 * answers it.
 */
const kms: Product = {
  version: '2016-01-20',
  endpoint: (region) => `kms.${region}.aliyuncs.com`,
};

const generated = z.looseObject({ Plaintext: z.base64().min(1), CiphertextBlob: z.string().min(1) });
const decrypted = z.looseObject({ Plaintext: z.base64().min(1) });

/** The two calls that envelope encryption takes. They throw `Failure`, and keep no key. */
export interface CloudKeyService {
  readonly region: string;
  /** A new key of 256 bits, and the same encrypted with the master key `keyId`. */
  generateDataKey(
    keyId: string,
    context: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<{ readonly plain: Buffer; readonly ciphertext: string }>;
  decrypt(
    ciphertext: string,
    context: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Buffer>;
}

/** The key service of a region. Both calls may be made again: they change nothing. */
export function createKeyService(
  options: AlibabaOptions,
  call: RpcCaller = createRpcCaller(options, kms),
): CloudKeyService {
  return {
    region: options.region,
    async generateDataKey(keyId, context, signal) {
      const answer = await call(
        {
          action: 'GenerateDataKey',
          repeatable: 'always',
          query: { KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: JSON.stringify(context) },
          answer: generated,
        },
        signal,
      );
      return { plain: Buffer.from(answer.Plaintext, 'base64'), ciphertext: answer.CiphertextBlob };
    },
    async decrypt(ciphertext, context, signal) {
      const answer = await call(
        {
          action: 'Decrypt',
          repeatable: 'always',
          query: { CiphertextBlob: ciphertext, EncryptionContext: JSON.stringify(context) },
          answer: decrypted,
        },
        signal,
      );
      return Buffer.from(answer.Plaintext, 'base64');
    },
  };
}
