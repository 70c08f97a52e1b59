import type { IncomingMessage } from 'node:http';
import type { SandboxCloud } from '../cloud.ts';
import type { FaultAnswer, FaultPlace } from '../faults.ts';
import { OssError } from '../objects/oss-error.ts';

/** The caller was left without an answer, on purpose. */
export class LeftWithoutAnswer extends Error {
  /** It is in the journal already. */
  readonly told: boolean;

  constructor(how: string, told = false) {
    super(how);
    this.told = told;
  }
}

/** What a fault does to one request, if one hits it. */
export interface Fate {
  /** Called before the operation. @throws OssError, LeftWithoutAnswer */
  before(): Promise<void>;
  /** Called when it has taken effect. @throws OssError, LeftWithoutAnswer */
  after(): Promise<void>;
  /** Called with each piece of a body, and how many bytes went before it. Gives what may go on. @throws LeftWithoutAnswer */
  piece(chunk: Uint8Array, before: number): Promise<Uint8Array>;
  /** Whether `piece` has anything to do with the body that way. */
  readonly shapes: 'request' | 'answer' | 'neither';
}

/** Takes the fault that hits a request, if there is one. */
export function fateOf(
  cloud: SandboxCloud,
  place: FaultPlace & { readonly action: string },
  request: IncomingMessage,
): Fate {
  const fault = cloud.faults.take(place.action, [], place);
  const { waitExactly } = cloud.world;
  const nothing = async () => {};
  const leave = (how: string): never => {
    throw new LeftWithoutAnswer(how);
  };
  const happen = async (answer: FaultAnswer): Promise<void> => {
    switch (answer.kind) {
      case 'delay':
        return waitExactly(answer.ms);
      case 'error':
        throw new OssError(answer);
      case 'html':
        throw new OssError({ status: 502, code: 'BadGateway', message: 'Bad Gateway' });
      case 'reset':
        request.socket.resetAndDestroy();
        return leave('Reset');
      case 'noAnswer':
        return leave('NoAnswer');
      case 'cut':
      case 'slow':
        return;
    }
  };
  const withBody =
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  const answer = fault?.answer;
  return {
    before: fault === null || fault.afterEffect ? nothing : () => happen(fault.answer),
    after: fault === null || !fault.afterEffect ? nothing : () => happen(fault.answer),
    shapes: answer?.kind !== 'cut' && answer?.kind !== 'slow' ? 'neither' : withBody ? 'request' : 'answer',
    async piece(chunk, before) {
      if (answer?.kind === 'slow') {
        await waitExactly(Math.ceil((chunk.length / answer.bytesPerSecond) * 1_000));
        return chunk;
      }
      if (answer?.kind !== 'cut' || before + chunk.length <= answer.afterBytes) return chunk;
      if (before < answer.afterBytes) return chunk.subarray(0, answer.afterBytes - before);
      request.socket.resetAndDestroy();
      return leave('Cut');
    },
  };
}

/** A slow body goes on in small pieces, so that it never pauses for long; a cut one ends in the middle of a piece. */
const PIECE_BYTES = 16 * 1024;

/** A body as the fault lets it through. */
export async function* shaped(
  body: AsyncIterable<Uint8Array>,
  fate: Fate,
  way: 'request' | 'answer',
): AsyncGenerator<Uint8Array> {
  if (fate.shapes !== way) {
    yield* body;
    return;
  }
  let before = 0;
  for await (const chunk of body)
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const piece = await fate.piece(chunk.subarray(at, at + PIECE_BYTES), before);
      before += piece.length;
      yield piece;
      if (piece.length < Math.min(PIECE_BYTES, chunk.length - at))
        await fate.piece(chunk.subarray(at), before);
    }
}
