import { startBalancers } from './balancer/balancers.ts';
import type { OriginOf } from './balancer/listener.ts';
import type { SandboxCloud } from './cloud.ts';
import type { Listening } from './http/listen.ts';
import { serveMetadata } from './http/metadata.ts';
import { serveObjects } from './http/objects.ts';
import { serveOpenApi } from './http/openapi.ts';

/** Where to listen; a port of 0 is any free one. */
export interface ServerSettings {
  readonly ecsPort?: number;
  /** Of the cloud's own region; the others take any free one. */
  readonly ossPort?: number;
  readonly metadataPort?: number;
  /** Knows from which instance a connection comes that is not from its address. */
  readonly originOf?: OriginOf;
  /** Hears of what can't be served, such as a balancer whose address is taken. */
  readonly warn?: (why: string) => void;
}

/** The cloud's servers, on 127.0.0.1. */
export interface CloudServers {
  /** `127.0.0.1:PORT`, for all OpenAPI products (protocol HTTP), and for `/_sandbox/…`. */
  readonly ecsEndpoint: string;
  /** `http://localhost:PORT`: with it clients put the bucket into the path (ali-oss: `sldEnable`). Virtual hosts work too. */
  readonly ossEndpoint: string;
  /** The same by region: a bucket answers at its own region's endpoint only. */
  readonly ossEndpoints: Readonly<Record<string, string>>;
  /** Base URL of an instance's metadata service. */
  metadataUrl(instanceId: string): string;
  readonly adminToken: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Ends the servers and every connection; the cloud itself goes on. */
  close(): Promise<void>;
}

const ADDRESS = '127.0.0.1';

/**
 * Puts the cloud on the wire. From then on instances are told where their metadata service is.
 * @throws Error if a port can't be had; nothing listens then
 */
export async function startCloudServers(
  cloud: SandboxCloud,
  settings: ServerSettings = {},
): Promise<CloudServers> {
  const started: Listening[] = [];
  const balancers = startBalancers(cloud.world, {
    originOf: settings.originOf,
    failed: settings.warn ?? (() => {}),
  });
  const close = async () => {
    await Promise.all([balancers.close(), ...started.map((server) => server.close())]);
  };
  const start = async (server: Promise<Listening>) => {
    const listening = await server;
    started.push(listening);
    return listening.port;
  };
  try {
    const openApi = await start(serveOpenApi(cloud, ADDRESS, settings.ecsPort ?? 0));
    const ossEndpoints: Record<string, string> = {};
    for (const region of cloud.objectRegions) {
      const port = region === cloud.region ? (settings.ossPort ?? 0) : 0;
      ossEndpoints[region] = `http://localhost:${await start(serveObjects(cloud, region, ADDRESS, port))}`;
    }
    const metadata = await start(serveMetadata(cloud, ADDRESS, settings.metadataPort ?? 0));
    const metadataUrl = (instanceId: string) => `http://${ADDRESS}:${metadata}/${instanceId}`;
    cloud.world.metadataUrl = metadataUrl;
    const { adminToken, accessKeyId, accessKeySecret } = cloud;
    return {
      ecsEndpoint: `${ADDRESS}:${openApi}`,
      ossEndpoint: ossEndpoints[cloud.region] ?? '',
      ossEndpoints,
      metadataUrl,
      adminToken,
      accessKeyId,
      accessKeySecret,
      close,
    };
  } catch (caught) {
    await close();
    throw caught;
  }
}
