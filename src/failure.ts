/**
 * What a port says when a call did not do what was asked. Every adapter maps its vendor's errors to these four kinds, so that
 * the rest of wdrip never looks at a vendor's code or text.
 *
 * - `retryable`: it may work later (5xx, no answer, a busy resource). The call may or may not have taken effect.
 * - `throttled`: refused for its rate, without effect; worth trying again after `retryAfterMs`.
 * - `rejected`: refused for good as asked (a precondition, a permission, a quota); trying again can't help.
 * - `notFound`: the thing named does not exist.
 */
export type FailureKind = 'retryable' | 'throttled' | 'rejected' | 'notFound';

/** A failure as plain data, fit for a machine's event and for a stored record. */
export interface FailureData {
  readonly kind: FailureKind;
  /** The vendor's or our own code, such as `IncorrectInstanceStatus` or `AgentSilent`. Match on this, never on the message. */
  readonly code: string;
  /** What was tried and what came back. Holds no secrets. */
  readonly message: string;
}

/** Thrown by ports and effects. Use `toFailure` to turn anything that was caught into its data. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  readonly code: string;
  /** For `throttled`: wait at least this long, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(data: FailureData, options?: { readonly cause?: unknown; readonly retryAfterMs?: number }) {
    super(data.message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.kind = data.kind;
    this.code = data.code;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** The data of whatever was caught. What is not a `Failure` is a defect of ours: `rejected`, with code `Unexpected`. */
export function toFailure(caught: unknown): FailureData {
  if (caught instanceof Failure) return { kind: caught.kind, code: caught.code, message: caught.message };
  const message = caught instanceof Error ? caught.message : String(caught);
  return { kind: 'rejected', code: 'Unexpected', message };
}
