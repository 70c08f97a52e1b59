import type { SandboxCloud } from '../cloud.ts';
import type { InstanceRecord } from '../records.ts';
import { sameText } from '../signatures.ts';
import { unverified } from '../unverified.ts';
import { type Listening, listen } from './listen.ts';

/** Official documentation: a token lives 1 s to 6 h. */
const LONGEST_TOKEN_S = 21_600;
/** Tokens remembered; the oldest go first. */
const MOST_TOKENS = 10_000;

interface Answer {
  readonly status: number;
  readonly body: string;
}
const notFound: Answer = { status: 404, body: 'Not Found' };
const text = (body: string): Answer => ({ status: 200, body });

/** The metadata service: what an instance finds at 100.100.100.200 is here under `/<instance-id>`. */
export function serveMetadata(cloud: SandboxCloud, address: string, port: number): Promise<Listening> {
  const { clock, random } = cloud.world;
  const tokens = new Map<string, { readonly instanceId: string; readonly until: number }>();

  const issue = (instance: InstanceRecord, ttl: string): Answer => {
    const seconds = /^\d{1,6}$/.test(ttl) ? Number(ttl) : 0;
    if (seconds < 1 || seconds > LONGEST_TOKEN_S)
      return { status: unverified.metadata.badTtl, body: 'Bad Request' };
    const token = random.hex(28);
    tokens.set(token, { instanceId: instance.id, until: clock.now() + seconds * 1_000 });
    const oldest = tokens.keys().next();
    if (tokens.size > MOST_TOKENS && oldest.done !== true) tokens.delete(oldest.value);
    return text(token);
  };
  const refusal = (instance: InstanceRecord, token: string | undefined): Answer | null => {
    if (token === undefined)
      return instance.httpTokens === 'required'
        ? { status: unverified.metadata.tokenMissing, body: 'Forbidden' }
        : null;
    const known = tokens.get(token);
    return known?.instanceId === instance.id && known.until > clock.now()
      ? null
      : { status: unverified.metadata.tokenWrong, body: 'Unauthorized' };
  };

  return listen(address, port, async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://metadata');
    const [, id = '', ...rest] = pathname.split('/');
    const instance = cloud.world.instances.get(id);
    const header = (name: string) => request.headers[name]?.toString();
    const answer = ((): Answer => {
      if (instance === undefined) return notFound;
      if (header('x-forwarded-for') !== undefined)
        return { status: unverified.metadata.forwarded, body: 'Forbidden' };
      const path = rest.join('/').replace(/\/$/, '');
      if (request.method === 'PUT' && path === 'latest/api/token')
        return issue(instance, header('x-aliyun-ecs-metadata-token-ttl-seconds') ?? '');
      if (request.method !== 'GET') return { status: 405, body: 'Method Not Allowed' };
      return refusal(instance, header('x-aliyun-ecs-metadata-token')) ?? lookUp(cloud, instance, path);
    })();
    response.writeHead(answer.status, { 'content-type': 'text/plain' });
    response.end(answer.body);
  });
}

/** `path` without slashes at its ends. `2016-01-01` is an older name for `latest`. */
function lookUp(cloud: SandboxCloud, instance: InstanceRecord, path: string): Answer {
  const [version, kind = '', ...rest] = path.split('/');
  if (version !== 'latest' && version !== '2016-01-01') return notFound;
  const under = [kind, ...rest].join('/');
  if (under === 'user-data')
    return instance.userData === ''
      ? notFound
      : text(Buffer.from(instance.userData, 'base64').toString('utf8'));
  if (under === 'dynamic/instance-identity/document') return text(identityDocument(cloud, instance));
  if (under === 'maintenance/active-system-events') return text(activeEvents(cloud, instance));
  if (kind !== 'meta-data') return notFound;
  const key = rest.join('/');
  if (key.startsWith('ram/security-credentials')) return roleCredentials(cloud, instance, rest[2]);
  const values = metaData(cloud, instance);
  if (key === '') return text([...Object.keys(values), 'ram/'].join('\n'));
  const value = values[key];
  return value === undefined ? notFound : text(value);
}

function metaData(cloud: SandboxCloud, instance: InstanceRecord): Readonly<Record<string, string>> {
  return {
    'instance-id': instance.id,
    'region-id': cloud.region,
    'zone-id': instance.zone,
    'private-ipv4': instance.ip,
    hostname: instance.hostName,
    'vpc-id': cloud.catalog.vpcId,
    'vswitch-id': instance.vSwitchId,
    'image-id': instance.imageId,
    'owner-account-id': cloud.world.accountId,
    'serial-number': instance.id,
    'instance/instance-type': instance.instanceType,
    'instance/instance-name': instance.name,
  };
}

/** The role's name, or (after it) credentials for it. Only the instance's own role is there. */
function roleCredentials(cloud: SandboxCloud, instance: InstanceRecord, role: string | undefined): Answer {
  if (instance.ramRole === null) return notFound;
  if (role === undefined) return text(instance.ramRole);
  if (!sameText(role, instance.ramRole)) return notFound;
  const credentials = cloud.identity.credentialsFor(instance.id, role);
  const time = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  return text(
    JSON.stringify({
      AccessKeyId: credentials.accessKeyId,
      AccessKeySecret: credentials.accessKeySecret,
      SecurityToken: credentials.securityToken,
      Expiration: time(credentials.expiresAt),
      LastUpdated: time(credentials.issuedAt),
      Code: 'Success',
    }),
  );
}

function identityDocument(cloud: SandboxCloud, instance: InstanceRecord): string {
  return JSON.stringify({
    'instance-id': instance.id,
    'region-id': cloud.region,
    'zone-id': instance.zone,
    'private-ipv4': instance.ip,
    'instance-type': instance.instanceType,
    'image-id': instance.imageId,
    'owner-account-id': cloud.world.accountId,
    'serial-number': instance.id,
  });
}

function activeEvents(cloud: SandboxCloud, instance: InstanceRecord): string {
  const active = [...cloud.world.events.values()]
    .filter((event) => event.instanceId === instance.id)
    .filter((event) => ['Scheduled', 'Inquiring', 'Executing'].includes(event.cycle))
    .map((event) => ({
      EventId: event.id,
      EventType: event.type,
      State: event.cycle.toLowerCase(),
      NotBefore: new Date(event.notBefore).toISOString(),
    }));
  return JSON.stringify(active);
}
