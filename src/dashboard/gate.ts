import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from '../failure.ts';

/** A request that is not let in, or not understood, and the HTTP status that says so. */
export class Refused extends Failure {
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super({ kind: 'rejected', code, message });
    this.status = status;
  }
}

/** Names of this machine's loopback, as a browser may be told to go there. */
const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/**
 * Lets in only requests that were meant for loopback and come from our own page or from no page at all: a name that somebody's DNS turns
 * to 127.0.0.1 (rebinding) is not ours, and neither is a page of another origin. Throws `Refused`.
 */
export function checkSource(headers: IncomingHttpHeaders): void {
  const { host, origin } = headers;
  if (host === undefined || !loopback.test(host))
    throw new Refused(
      403,
      'ForeignHost',
      'this interface is asked by the name of the loopback, and by no other',
    );
  if (origin !== undefined && origin !== `http://${host}`)
    throw new Refused(403, 'ForeignOrigin', 'requests from pages of another origin are not taken');
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new Refused(403, 'ForeignOrigin', 'requests from pages of another origin are not taken');
}

/** Throws `Refused` unless the request carries the token. */
export function checkToken(headers: IncomingHttpHeaders, token: string): void {
  const given = Buffer.from(headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new Refused(401, 'TokenMissing', 'this interface takes only requests with its token');
}

/** A form of another page can send anything but JSON without asking first: so nothing else is taken. */
export function checkContentType(headers: IncomingHttpHeaders): void {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new Refused(415, 'NotJson', 'a body must have the content type application/json');
}
