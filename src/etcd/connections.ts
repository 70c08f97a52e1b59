import { noop } from 'cockatiel';
import { Etcd3, type IHashKVRequest, type IHashKVResponse } from 'etcd3';
import { Failure } from '../failure.ts';
import { type Clock, wallTime } from '../runtime/clock.ts';
import { failureOf } from './failures.ts';
import type { GrpcCall } from './grpc-call.ts';
import { keepaliveMs, longestMessageBytes, mostConnections, reconnectMs, windowBytes } from './limits.ts';
import { type Asking, type Endpoint, mayAskNext, saysNothing } from './port.ts';

/** What a member is spoken to with, each as PEM. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What etcd3's calls take: when the call is given up, in epoch ms of the machine's clock. */
export interface CallOptions {
  readonly deadline: number;
}

/** etcd3's client of one member, with what it gets wrong put right. */
export class MemberClient extends Etcd3 {
  readonly #closings: (() => void)[] = [];

  /**
   * etcd3 closes all connections to a host when a call to it fails or a stream is cancelled, and with them every other call that is
   * under way there. gRPC itself connects again where that is needed, so they stay open until this client is closed.
   */
  keepConnections(): this {
    const hosts: unknown = Reflect.get(this.pool, 'hosts');
    if (!Array.isArray(hosts))
      throw new Error('etcd3 keeps its hosts elsewhere: see docs/decisions/etcd-adapter.md');
    for (const host of hosts) {
      const reset: unknown = Reflect.get(host, 'resetAllServices');
      if (typeof reset !== 'function')
        throw new Error('etcd3 resets its hosts otherwise: see docs/decisions/etcd-adapter.md');
      this.#closings.push(() => Reflect.apply(reset, host, []));
      Reflect.set(host, 'resetAllServices', () => {});
    }
    return this;
  }

  override close(): void {
    for (const closing of this.#closings) closing();
    super.close();
  }

  /** etcd3's own `hashKV` asks for a method by a name that its own protocol definition does not have. */
  hashKeys(request: IHashKVRequest, options: CallOptions): Promise<IHashKVResponse> {
    return this.pool.exec('Maintenance', 'hashKv', request, options);
  }
}

/**
 * One client for each endpoint, since who is asked is the caller's choice. etcd3's own retries, circuit breakers and choice among
 * hosts are off: each hides what happened.
 */
export class Connections {
  readonly #tls: TlsMaterial | null;
  readonly #clock: Clock;
  /** In the order of their last use. */
  readonly #clients = new Map<Endpoint, MemberClient>();
  readonly #calls = new Set<GrpcCall<unknown>>();
  #closed = false;

  constructor(tls: TlsMaterial | null, clock: Clock) {
    this.#tls = tls;
    this.#clock = clock;
  }

  /** The client of this endpoint. It is closed by `close`, or when too many others have been used since. */
  client(endpoint: Endpoint): MemberClient {
    this.#mustBeOpen(endpoint);
    const client = this.#clients.get(endpoint) ?? this.#open(endpoint);
    this.#clients.delete(endpoint);
    this.#clients.set(endpoint, client);
    for (const [oldest, old] of this.#clients) {
      if (this.#clients.size <= mostConnections) break;
      this.#clients.delete(oldest);
      old.close();
    }
    return client;
  }

  /** A call on a connection of its own, which is broken off by `close`. */
  call<Call extends GrpcCall<unknown>>(endpoint: Endpoint, begin: (tls: TlsMaterial | null) => Call): Call {
    this.#mustBeOpen(endpoint);
    const call = begin(this.#tls);
    this.#calls.add(call);
    call.once('close', () => this.#calls.delete(call));
    return call;
  }

  /** Asks one endpoint one thing. `what` names it in a failure. */
  async ask<T>(
    endpoint: Endpoint,
    what: string,
    defaultMs: number,
    asking: Asking | undefined,
    run: (client: MemberClient, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const signal = asking?.signal;
    signal?.throwIfAborted();
    const deadline = wallTime(this.#clock) + (asking?.timeoutMs ?? defaultMs);
    try {
      return await abandonable(run(this.client(endpoint), { deadline }), signal);
    } catch (caught) {
      signal?.throwIfAborted();
      throw failureOf(caught, `${what}, asked of ${endpoint}`);
    }
  }

  /** Asks one endpoint after the other, until one gives an answer or a failure that does not allow to ask another. */
  async askOneOf<T>(
    endpoints: readonly Endpoint[],
    onlyReads: boolean,
    ask: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    let last: Failure | null = null;
    for (const endpoint of endpoints)
      try {
        return await ask(endpoint);
      } catch (caught) {
        if (!(caught instanceof Failure)) throw caught;
        if (last === null || !saysNothing(caught)) last = caught;
        if (!mayAskNext(caught, onlyReads)) break;
      }
    throw (
      last ??
      new Failure({
        kind: 'rejected',
        code: 'NoEndpoint',
        message: 'no endpoint was given to ask',
      })
    );
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
    for (const call of this.#calls) call.destroy(new Error('the client was closed'));
  }

  #mustBeOpen(endpoint: Endpoint): void {
    if (this.#closed)
      throw new Failure({
        kind: 'retryable',
        code: 'Unreachable',
        message: `${endpoint} is not asked: the client is closed`,
      });
  }

  #open(endpoint: Endpoint): MemberClient {
    const tls = this.#tls;
    const client = new MemberClient({
      hosts: [endpoint],
      ...(tls === null
        ? {}
        : {
            credentials: {
              rootCertificate: Buffer.from(tls.ca),
              certChain: Buffer.from(tls.cert),
              privateKey: Buffer.from(tls.key),
            },
          }),
      faultHandling: { host: () => noop, global: noop },
      grpcOptions: {
        // Its transparent retries never rest while a connection is breaking: nothing else in the process gets a turn (grpc-js 1.14.7).
        'grpc.enable_retries': 0,
        'grpc.use_local_subchannel_pool': 1,
        'grpc.initial_reconnect_backoff_ms': reconnectMs.first,
        'grpc.max_reconnect_backoff_ms': reconnectMs.longest,
        'grpc.keepalive_time_ms': keepaliveMs.idle,
        'grpc.keepalive_timeout_ms': keepaliveMs.answer,
        'grpc.max_receive_message_length': longestMessageBytes,
        'grpc-node.flow_control_window': windowBytes,
        // A name of a proxy in the environment is not for these.
        'grpc.enable_http_proxy': 0,
      },
    });
    return client.keepConnections();
  }
}

/** The promise, or the signal's reason as soon as it is aborted: the call itself ends by its deadline. */
function abandonable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
