import winston from 'winston';

/** What wdrip writes its log to: winston's interface, as far as it is used. Fields are plain data; secrets in them are hidden. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Names of fields whose values are never written, wherever they stand. */
const secretName = /secret|password|token|accesskey|authorization|credential|privatekey|userdata/i;
/** Values that look like a secret even in the middle of a text: PEM keys, bootstrap tokens, bearer tokens. */
const secretText =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----|\b[a-z0-9]{6}\.[a-z0-9]{16}\b|\bBearer [\w.~+/=-]{8,}/g;
/** Fields nest this deep at most; what lies deeper is cut, since a log line is for reading. */
const deepest = 6;

/** The same data without its secrets. Exported for whatever else is shown to people. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.replace(secretText, '[redacted]');
  if (value === null || typeof value !== 'object') return value;
  if (depth >= deepest) return '[deep]';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (value instanceof Error) return redact(value.message, depth);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      secretName.test(key) && item !== null && item !== undefined ? '[redacted]' : redact(item, depth + 1),
    ]),
  );
}

function redactLine(info: winston.Logform.TransformableInfo): winston.Logform.TransformableInfo {
  for (const key of Object.keys(info))
    if (key !== 'level') info[key] = secretName.test(key) ? '[redacted]' : redact(info[key]);
  return info;
}

function forPeople(info: winston.Logform.TransformableInfo): string {
  const { level, message, timestamp, ...fields } = info;
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(' ');
  return `${String(timestamp).slice(11, 23)} ${level.padEnd(5)} ${String(message)}${rest ? `  ${rest}` : ''}`;
}

/** A log to standard error: one line a record, for people on a terminal and JSON otherwise (or as `format` says). */
export function createLog(
  options: { readonly level?: string; readonly format?: 'people' | 'json' } = {},
): Log {
  const format = options.format ?? (process.stderr.isTTY ? 'people' : 'json');
  const { combine, timestamp, printf, json } = winston.format;
  return winston.createLogger({
    level: options.level ?? 'info',
    format: combine(
      timestamp(),
      winston.format(redactLine)(),
      format === 'people' ? printf(forPeople) : json(),
    ),
    transports: [new winston.transports.Console({ stderrLevels: Object.keys(winston.config.npm.levels) })],
  });
}

/** Says nothing: for tests and for callers that show things in their own way. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
