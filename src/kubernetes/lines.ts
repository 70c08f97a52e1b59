import { StringDecoder } from 'node:string_decoder';
import { Failure } from '../failure.ts';

/** An object in etcd has at most 1.5 MB; as JSON in a watch event it may grow some. */
const LONGEST_LINE = 16 * 1024 * 1024;

/**
 * Cuts a stream of bytes into lines, wherever its chunks end, also in the middle of a character. A last line without an end is never
 * given: it is half an event. Throws `Failure` `LineTooLong`.
 */
export function createLineSplitter(onLine: (line: string) => void): {
  push(chunk: Uint8Array | string): void;
} {
  const decoder = new StringDecoder('utf8');
  let pieces: string[] = [];
  let held = 0;
  return {
    push(chunk) {
      const text = typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk));
      let from = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        pieces.push(text.slice(from, end));
        const line = pieces.join('');
        pieces = [];
        held = 0;
        from = end + 1;
        if (line.trim() !== '') onLine(line);
      }
      if (from < text.length) pieces.push(text.slice(from));
      held += text.length - from;
      if (held > LONGEST_LINE) {
        const message = `A watch sent more than ${LONGEST_LINE} characters without the end of a line`;
        throw new Failure({ kind: 'retryable', code: 'LineTooLong', message });
      }
    },
  };
}
