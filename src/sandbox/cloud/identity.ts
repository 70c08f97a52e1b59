import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { ApiError } from './api-error.ts';
import type { Role } from './records.ts';
import { unverified } from './unverified.ts';

/** Who calls, and what that allows. */
export interface Principal {
  /** For throttling and ClientTokens, all of an account's keys are one account. */
  readonly accessKeyId: string;
  /** Null: the account itself, which may do anything. */
  readonly grant: Pick<Role, 'name' | 'actions' | 'objects'> | null;
}

/** Temporary credentials of an instance's role. Times are epoch ms. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** A long-lived key and what it may do; `grant` null is everything. */
export interface User {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly grant: Principal['grant'];
}

/** Official documentation: credentials of a role live 6 h, and new ones appear 30 min before that. */
const ROLE_CREDENTIALS_MS = 6 * 3_600_000;
const RENEW_BEFORE_MS = 30 * 60_000;
/** What is remembered of temporary credentials; the oldest go first. */
const MOST_CREDENTIALS = 10_000;

/** Keys and whose they are. */
export interface Identity {
  /** The secret of a key, to check a signature with. @throws ApiError InvalidAccessKeyId.NotFound, InvalidSecurityToken.* */
  secretOf(accessKeyId: string, securityToken: string | null): string;
  /** Whose key it is. Call it when the signature has been checked. */
  principalOf(accessKeyId: string): Principal;
  /** An instance's credentials for its role: the same until 30 min before they expire. */
  credentialsFor(instanceId: string, role: string): RoleCredentials;
}

export function createIdentity(settings: {
  readonly clock: Clock;
  readonly random: Random;
  readonly users: readonly User[];
  readonly roles: ReadonlyMap<string, Role>;
}): Identity {
  const { clock, random, users, roles } = settings;
  const temporary = new Map<string, RoleCredentials & { readonly role: string }>();
  const newest = new Map<string, string>();
  const userOf = (id: string) => users.find((user) => user.accessKeyId === id);
  return {
    secretOf(accessKeyId, securityToken) {
      const user = userOf(accessKeyId);
      if (user !== undefined) {
        if (securityToken !== null) throw new ApiError(unverified.securityTokenMismatch);
        return user.accessKeySecret;
      }
      const credentials = temporary.get(accessKeyId);
      if (credentials === undefined)
        throw new ApiError({
          status: 404,
          code: 'InvalidAccessKeyId.NotFound',
          message: 'Specified access key is not found.',
        });
      if (credentials.securityToken !== securityToken) throw new ApiError(unverified.securityTokenMismatch);
      if (credentials.expiresAt <= clock.now()) throw new ApiError(unverified.securityTokenExpired);
      return credentials.accessKeySecret;
    },
    principalOf(accessKeyId) {
      const user = userOf(accessKeyId);
      if (user !== undefined) return { accessKeyId, grant: user.grant };
      const name = temporary.get(accessKeyId)?.role ?? '';
      return { accessKeyId, grant: roles.get(name) ?? { name, actions: [], objects: [] } };
    },
    credentialsFor(instanceId, role) {
      const now = clock.now();
      const key = `${instanceId}/${role}`;
      const current = temporary.get(newest.get(key) ?? '');
      if (current !== undefined && current.expiresAt - now > RENEW_BEFORE_MS) return current;
      const fresh = {
        accessKeyId: `STS.${random.hex(12)}`,
        accessKeySecret: random.hex(20),
        securityToken: `CAIS${random.hex(48)}`,
        issuedAt: now,
        expiresAt: now + ROLE_CREDENTIALS_MS,
        role,
      };
      temporary.set(fresh.accessKeyId, fresh);
      newest.set(key, fresh.accessKeyId);
      const oldest = temporary.keys().next();
      if (temporary.size > MOST_CREDENTIALS && oldest.done !== true) temporary.delete(oldest.value);
      const firstHolder = newest.keys().next();
      if (newest.size > MOST_CREDENTIALS && firstHolder.done !== true) newest.delete(firstHolder.value);
      return fresh;
    },
  };
}

/** Whether a principal may call an action, such as `ecs:DescribeInstances`. */
export function mayCall(principal: Principal, action: string): boolean {
  if (principal.grant === null) return true;
  return principal.grant.actions.some((pattern) =>
    pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : pattern === action,
  );
}

/** Whether a principal may read or write an object. */
export function mayTouch(
  principal: Principal,
  bucket: string,
  key: string,
  access: 'read' | 'write',
): boolean {
  if (principal.grant === null) return true;
  return principal.grant.objects.some(
    (grant) =>
      `${bucket}/${key}`.startsWith(grant.prefix) && (access === 'read' || grant.access === 'readWrite'),
  );
}
