import type { SandboxCloud } from './cloud.ts';
import { serveMetadata } from './http/metadata.ts';
import { serveOpenApi } from './http/openapi.ts';

/** Where to listen; a port of 0 is any free one. */
export interface ServerSettings {
  readonly ecsPort?: number;
  readonly ossPort?: number;
  readonly metadataPort?: number;
}

/** The cloud's servers, on 127.0.0.1. */
export interface CloudServers {
  /** `127.0.0.1:PORT`, for all OpenAPI products (protocol HTTP), and for `/_sandbox/…`. */
  readonly ecsEndpoint: string;
  /** Base URL of an instance's metadata service. */
  metadataUrl(instanceId: string): string;
  readonly adminToken: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Ends the servers and every connection; the cloud itself goes on. */
  close(): Promise<void>;
}

const ADDRESS = '127.0.0.1';

/** Puts the cloud on the wire. From then on instances are told where their metadata service is. */
export async function startCloudServers(
  cloud: SandboxCloud,
  settings: ServerSettings = {},
): Promise<CloudServers> {
  const openApi = await serveOpenApi(cloud, ADDRESS, settings.ecsPort ?? 0);
  const metadata = await serveMetadata(cloud, ADDRESS, settings.metadataPort ?? 0);
  const metadataUrl = (instanceId: string) => `http://${ADDRESS}:${metadata.port}/${instanceId}`;
  cloud.world.metadataUrl = metadataUrl;
  return {
    ecsEndpoint: `${ADDRESS}:${openApi.port}`,
    metadataUrl,
    adminToken: cloud.adminToken,
    accessKeyId: cloud.accessKeyId,
    accessKeySecret: cloud.accessKeySecret,
    async close() {
      await Promise.all([openApi.close(), metadata.close()]);
    },
  };
}
