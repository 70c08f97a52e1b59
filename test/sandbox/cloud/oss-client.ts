import { Agent } from 'node:http';
import OSS from 'ali-oss';
import type { servedCloud } from './served.ts';

/** Options that the SDK knows and its types do not. */
export interface ClientOptions extends OSS.Options {
  readonly authorizationV4?: boolean;
  readonly sldEnable?: boolean;
  readonly agent?: Agent;
}

type Served = Awaited<ReturnType<typeof servedCloud>>;

/** The official client with nothing changed but the endpoint: path style, V4. */
export function ossClient(served: Served, bucket: string, changes: Partial<ClientOptions> = {}): OSS {
  const { servers } = served;
  const options: ClientOptions = {
    endpoint: servers.ossEndpoint,
    region: 'oss-cn-hangzhou',
    bucket,
    accessKeyId: servers.accessKeyId,
    accessKeySecret: servers.accessKeySecret,
    authorizationV4: true,
    sldEnable: true,
    ...changes,
  };
  return new OSS(options);
}

/** As in production: the bucket in the host's name, which resolves to this machine. */
export function virtualHosts(served: Served): Partial<ClientOptions> {
  const { port } = new URL(served.servers.ossEndpoint);
  const agent = new Agent({
    keepAlive: true,
    lookup: (_name, options, done) =>
      options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
  });
  return { endpoint: `http://oss-cn-hangzhou.aliyuncs.com:${port}`, sldEnable: false, agent };
}

/** A method that the SDK has and its types have not. */
export function method(client: object, name: string): (...parameters: unknown[]) => Promise<unknown> {
  const found: unknown = Reflect.get(client, name);
  if (typeof found !== 'function') throw new Error(`ali-oss has no ${name}`);
  return async (...parameters) => found.apply(client, parameters);
}
