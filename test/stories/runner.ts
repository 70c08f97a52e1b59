import { z } from 'zod';
import type { drive, Happened } from '../machines/driver.ts';

/** What a machine's stories are written in. Contexts are looked at by name: each language is of one machine. */
export interface Language {
  /** The word of the first line that says which machine it is, and gives its input. */
  readonly word: string;
  begin(words: readonly string[]): Driver;
  event(type: string, words: readonly string[], now: number, driver: Driver): { readonly type: string };
  /** What an effect's output is unless the script says otherwise. `count`: which of its kind it is. */
  usualOutput(effect: string, count: number): Readonly<Record<string, unknown>>;
  /** Facts of the context that a reader follows; the others never change or say nothing of the repair. */
  readonly followed: readonly string[];
  /** Of an effect's input, what differs from one start to the next. */
  readonly told: readonly string[];
  /** Rules that a step breaks. */
  broken(step: Happened<object>): readonly string[];
}
export type Driver = ReturnType<typeof drive<object, { readonly type: string }>>;

/**
 * A repair story is a script that people read: commands at the margin, and under each, indented, what the machine did. The runner walks
 * the commands and writes the whole script anew; a story holds if that changes nothing.
 *
 *     node role=controlPlane usedUp=true known=false      the machine and its input (first line; without it, a worker node)
 *     NODE_NOT_READY reason=KubeletStopped    an event; `at` is now unless `at=-5s` is said
 *     advance 20s                             time passes, deadlines fire
 *     crash 1h                                the supervisor is down for so long
 *     done restartKubelet {"agentSilent":true}   an effect ends well, with this output
 *     fail drainNode {"code":"Forbidden"}     ... or with this failure
 *     # a comment
 */
export function walk(script: string, languages: readonly [Language, ...Language[]]): string {
  const out: string[] = [];
  let [language] = languages;
  let driver: Driver | undefined;
  const ends = new Map<string, number>();
  const started = (): Driver => (driver ??= language.begin([]));
  for (const line of script.split('\n')) {
    if (line.startsWith('  ')) continue;
    out.push(line.trimEnd());
    if (line.startsWith('#') || line.trim() === '') continue;
    const [word = '', ...rest] = line.trim().split(/\s+/);
    const other = languages.find((each) => each.word === word);
    if (other !== undefined) {
      language = other;
      driver = other.begin(rest);
      out.push(`  ${driver.state()}`);
      continue;
    }
    const actor = started();
    const heard = actor.history().length;
    const waits = waitsOf(actor);
    if (word === 'advance') actor.advance(duration(rest[0]));
    else if (word === 'crash') actor.crash(duration(rest[0]));
    else if (word === 'done') {
      const [effect = ''] = rest;
      const count = (ends.get(effect) ?? 0) + 1;
      ends.set(effect, count);
      actor.done(effect, { ...language.usualOutput(effect, count), ...jsonOf(rest.slice(1)) });
    } else if (word === 'fail') actor.fail(rest[0] ?? '', { ...usualFailure, ...failureOf(rest.slice(1)) });
    else actor.send(language.event(word, rest, actor.now(), actor));
    out.push(...report(language, actor.history().slice(heard), waits, actor).map((each) => `  ${each}`));
  }
  return `${out.join('\n').trimEnd()}\n`;
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `20s`, `-5s`, `1h` in ms. */
export function duration(text: string | undefined): number {
  const parts = /^(-?\d+)(ms|s|m|h)$/.exec(text ?? '');
  const unit = z.enum(['ms', 's', 'm', 'h']).parse(parts?.[2]);
  return Number(parts?.[1]) * unitsMs[unit];
}

/** A time in ms as people say it: `20s`, `1m30s`. */
export function spoken(ms: number): string {
  if (ms < 1_000) return ms === 0 ? '0s' : `${ms}ms`;
  const seconds = Math.round(ms / 1_000);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h ? `${h}h` : ''}${m ? `${m}m` : ''}${s || (!h && !m) ? `${s}s` : ''}`;
}

export function fieldsOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => word.split('=', 2)));
}

const record = z.record(z.string(), z.unknown());
const failureFields = z.strictObject({
  kind: z.string().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
});
const usualFailure = { kind: 'retryable', code: 'NoAnswer', message: 'no answer came back' };

function jsonOf(words: readonly string[]): Record<string, unknown> {
  return words.length === 0 ? {} : record.parse(JSON.parse(words.join(' ')));
}

function failureOf(words: readonly string[]): Partial<typeof usualFailure> {
  const { kind, code, message } = failureFields.parse(jsonOf(words));
  return { ...(kind && { kind }), ...(code && { code }), ...(message && { message }) };
}

function report(
  language: Language,
  steps: readonly Happened<object>[],
  waitsBefore: string,
  actor: Driver,
): readonly string[] {
  const lines: string[] = [];
  for (const step of steps) {
    const broken = language.broken(step);
    if (broken.length > 0) throw new Error(`${step.event} in ${step.from}: ${broken.join('; ')}`);
    const from = step.event.startsWith('xstate.after.') ? `${spoken(step.at)}, ${delayOf(step.event)}: ` : '';
    if (step.from !== step.to) lines.push(`${from}${step.from} → ${step.to}`);
    else if (from) lines.push(`${from}stays in ${step.to}`);
    const facts = language.followed.flatMap((key) => {
      const [was, is] = [shown(step.before, key), shown(step.after, key)];
      return was === is ? [] : [`${key}: ${was} → ${is}`];
    });
    const [was, is] = [failureCode(step.before), failureCode(step.after)];
    if (was !== is) facts.push(`failure: ${is ?? 'forgotten'}`);
    if (facts.length > 0) lines.push(facts.join(', '));
    for (const id of step.stopped) lines.push(`stop ${id}`);
    for (const { src, input } of step.started) {
      const values = language.told.flatMap((key) => {
        const value: unknown = typeof input === 'object' && input ? Reflect.get(input, key) : undefined;
        return value === undefined ? [] : [`${key}=${String(value)}`];
      });
      lines.push(['start', src, ...values].join(' '));
    }
  }
  const waits = waitsOf(actor);
  if (waits !== waitsBefore) lines.push(waits === '' ? 'waits for events only' : `waits: ${waits}`);
  return lines.length === 0 ? ['nothing changes'] : lines;
}

/** `xstate.after.suspicion.node.suspect` is the delay `suspicion`. */
function delayOf(id: string): string {
  return id.split('.')[2] ?? id;
}

function waitsOf(actor: Driver): string {
  return [...actor.deadlines()].map(([id, due]) => `${delayOf(id)} until ${spoken(due)}`).join(', ');
}

function shown(context: object, key: string): string {
  const value: unknown = Reflect.get(context, key);
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function failureCode(context: object): string | null {
  const failure: unknown = Reflect.get(context, 'failure');
  return typeof failure === 'object' && failure !== null ? String(Reflect.get(failure, 'code')) : null;
}
