import { connect } from 'node:net';
import { z } from 'zod';
import type { Clock } from '../../runtime/clock.ts';

/** An agent that lives says so at once; Cloud Assistant itself waits a minute for delivery, which the cloud's model adds. */
const ACCEPT_PATIENCE_MS = 5_000;
/** What the agent may take beyond the script's own time-out, to kill it and answer. */
const ANSWER_SLACK_MS = 5_000;
/** Longest answer taken: 64 KiB of output, at most six bytes of JSON each, and a little around it. */
const ANSWER_LIMIT = 512 * 1024;

/** What came of a script. */
export type RunResult =
  | { readonly outcome: 'exited'; readonly exitCode: number; readonly output: string }
  | { readonly outcome: 'timedOut'; readonly output: string }
  | { readonly outcome: 'agentSilent' };

const acceptedSchema = z.object({ accepted: z.literal(true) });
const resultSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('exited'), exitCode: z.number().int(), output: z.string() }),
  z.object({ outcome: z.literal('timedOut'), output: z.string() }),
]);

/** Runs a script through the agent on `socket`. Any silence, refusal or nonsense is `agentSilent`: that is all the cloud would know. */
export function runThroughAgent(
  socket: string,
  script: string,
  options: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<RunResult> {
  return new Promise((settle) => {
    const connection = connect({ path: socket });
    let lines: readonly string[] = [];
    let rest = '';
    const end = (result: RunResult) => {
      cancel();
      connection.destroy();
      settle(result);
    };
    const silent = () => end({ outcome: 'agentSilent' });
    let cancel = options.clock.after(ACCEPT_PATIENCE_MS, silent);
    connection.setEncoding('utf8');
    connection.on('error', silent);
    connection.on('close', silent);
    connection.on('connect', () =>
      connection.write(`${JSON.stringify({ script, timeoutMs: options.timeoutMs })}\n`),
    );
    connection.on('data', (chunk: string) => {
      const pieces = (rest + chunk).split('\n');
      rest = pieces.pop() ?? '';
      if (rest.length > ANSWER_LIMIT) return silent();
      const before = lines.length;
      lines = [...lines, ...pieces];
      const [first, second] = lines;
      if (before === 0 && first !== undefined) {
        if (parse(acceptedSchema, first) === undefined) return silent();
        cancel();
        cancel = options.clock.after(options.timeoutMs + ANSWER_SLACK_MS, silent);
      }
      if (second !== undefined) end(parse(resultSchema, second) ?? { outcome: 'agentSilent' });
    });
  });
}

function parse<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
