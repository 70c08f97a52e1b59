import {
  CoreV1Api,
  createConfiguration,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  StorageV1Api,
  VersionApi,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import { Failure } from '../failure.ts';
import type { Connection } from './connection.ts';

/** The library's typed calls, for everything but lists and watches. */
export interface Apis {
  readonly core: CoreV1Api;
  readonly storage: StorageV1Api;
  readonly version: VersionApi;
}

/** The library's API clients over our connection: its limits, its credentials, its failures. They throw `Failure`. */
export function createApis(connection: Connection, timeoutMs: number): Apis {
  const send = async (request: RequestContext): Promise<ResponseContext> => {
    const body = request.getBody();
    const asked = { method: request.getHttpMethod().toString(), url: request.getUrl() };
    if (body !== undefined && typeof body !== 'string') {
      const message = `${asked.method} ${asked.url}: only text can be sent`;
      throw new Failure({ kind: 'rejected', code: 'Unexpected', message });
    }
    const answer = await connection.request({
      ...asked,
      headers: request.getHeaders(),
      ...(body === undefined ? {} : { body }),
      timeoutMs,
      signal: request.getSignal(),
    });
    return new ResponseContext(answer.httpStatus, answer.headers, {
      text: async () => answer.body,
      binary: async () => Buffer.from(answer.body),
    });
  };
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(connection.server, {}),
    httpApi: wrapHttpLibrary({ send }),
  });
  return {
    core: new CoreV1Api(configuration),
    storage: new StorageV1Api(configuration),
    version: new VersionApi(configuration),
  };
}
