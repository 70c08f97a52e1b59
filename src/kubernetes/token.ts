import { Failure } from '../failure.ts';
import { wallTime } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Apis } from './apis.ts';
import { type RetryContext, retrying } from './retry.ts';

const NAMESPACE = 'kube-system';
/** kubeadm's group for new nodes: its role lets them ask for a kubelet's certificate, and for nothing else. */
const GROUP = 'system:bootstrappers:kubeadm:default-node-token';
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;
/** Enough that `ID_LENGTH + SECRET_LENGTH` digits of base 36 (114 bits) can be cut from it without bias that matters. */
const RANDOM_BYTES = 32;
/** An id is one of two thousand million: twice taken in a row is no chance. */
const MOST_TRIES = 3;

/** See `Kubernetes.createBootstrapToken`. The token is a secret: it is in no message of a failure. */
export async function createBootstrapToken(
  apis: Apis,
  context: RetryContext,
  options: { readonly ttlMs: number; readonly description: string },
): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const { id, secret } = drawToken(context.random);
    const expiration = new Date(wallTime(context.clock) + options.ttlMs)
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
    try {
      await retrying(context, () =>
        apis.core.createNamespacedSecret({
          namespace: NAMESPACE,
          body: {
            metadata: { name: `bootstrap-token-${id}`, namespace: NAMESPACE },
            type: 'bootstrap.kubernetes.io/token',
            stringData: {
              'token-id': id,
              'token-secret': secret,
              description: options.description,
              expiration,
              'usage-bootstrap-authentication': 'true',
              'auth-extra-groups': GROUP,
            },
          },
        }),
      );
      return `${id}.${secret}`;
    } catch (caught) {
      // Taken, perhaps by a try of ours whose answer was lost: another one. The lost one expires.
      if (!(caught instanceof Failure && caught.code === 'AlreadyExists') || tries >= MOST_TRIES)
        throw caught;
    }
  }
}

/** A token's two parts, `[a-z0-9]{6}` and `[a-z0-9]{16}`. */
export function drawToken(random: Random): { readonly id: string; readonly secret: string } {
  const length = ID_LENGTH + SECRET_LENGTH;
  const digits = BigInt(`0x${random.hex(RANDOM_BYTES)}`)
    .toString(36)
    .padStart(length, '0')
    .slice(-length);
  return { id: digits.slice(0, ID_LENGTH), secret: digits.slice(ID_LENGTH) };
}
