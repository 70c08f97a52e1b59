import { z } from 'zod';
import type { NodeContext, NodeEvent, NodeInput } from '../../machines/node.ts';
import { driveNode, type Happened, type NodeDriver } from '../machines/driver.ts';
import { brokenRules } from '../machines/rules.ts';

/**
 * A repair story is a script that people read: commands at the margin, and under each, indented, what the machine did. The runner walks
 * the commands and writes the whole script anew; a story holds if that changes nothing.
 *
 *     node role=controlPlane usedUp=true known=false      the node's input (first line, may be left out)
 *     NODE_NOT_READY reason=KubeletStopped    an event; `at` is now unless `at=-5s` is said
 *     advance 20s                             time passes, deadlines fire
 *     crash 1h                                the supervisor is down for so long
 *     done restartKubelet {"agentSilent":true}   an effect ends well, with this output
 *     fail drainNode {"code":"Forbidden"}     ... or with this failure
 *     # a comment
 */
export function walk(script: string): string {
  const out: string[] = [];
  let driver: NodeDriver | undefined;
  let permits = 0;
  const drive = (): NodeDriver => (driver ??= driveNode());
  for (const line of script.split('\n')) {
    if (line.startsWith('  ')) continue;
    out.push(line.trimEnd());
    if (line.startsWith('#') || line.trim() === '') continue;
    const [word = '', ...rest] = line.trim().split(/\s+/);
    if (word === 'node') {
      driver = driveNode(inputOf(rest));
      out.push(`  ${driver.state()}`);
      continue;
    }
    const actor = drive();
    const heard = actor.history().length;
    const waits = waitsOf(actor);
    if (word === 'advance') actor.advance(duration(rest[0]));
    else if (word === 'crash') actor.crash(duration(rest[0]));
    else if (word === 'done') {
      if (rest[0] === 'requestPermit') permits += 1;
      actor.done(rest[0] ?? '', { ...usualOutput(rest[0], permits), ...jsonOf(rest.slice(1)) });
    } else if (word === 'fail') actor.fail(rest[0] ?? '', { ...usualFailure, ...failureOf(rest.slice(1)) });
    else actor.send(eventOf(word, rest, actor.now()));
    out.push(...report(actor.history().slice(heard), waits, actor).map((each) => `  ${each}`));
  }
  return `${out.join('\n').trimEnd()}\n`;
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `20s`, `-5s`, `1h` in ms. */
function duration(text: string | undefined): number {
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

function fieldsOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => word.split('=', 2)));
}

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const inputFields = z.strictObject({
  role: z.enum(['worker', 'controlPlane']).optional(),
  usedUp: flag.optional(),
  known: flag.optional(),
  rebootTries: z.coerce.number().optional(),
});

function inputOf(words: readonly string[]): Partial<NodeInput> {
  const { role, usedUp, known, rebootTries } = inputFields.parse(fieldsOf(words));
  return {
    ...(role && { role }),
    ...(usedUp !== undefined && { usedUp }),
    ...(known === false && { nodeName: null, instanceId: null }),
    ...(rebootTries !== undefined && { policy: { rebootTries } }),
  };
}

const at = z.string().optional();
const eventFields = {
  NODE_READY: z.strictObject({ at }),
  NODE_NOT_READY: z.strictObject({
    at,
    reason: z.string().default('KubeletNotReady'),
    objectMissing: flag.default(false),
  }),
  NODE_JOINING: z.strictObject({ at }),
  INSTANCE_CHANGED: z.strictObject({
    at,
    instance: z.enum(['unknown', 'moving', 'running', 'stopped', 'locked', 'gone']),
    cloudRepairing: flag.default(false),
  }),
  SLOT_FILLED: z.strictObject({
    at,
    nodeName: z.string().default('10.0.0.9.i-9'),
    instanceId: z.string().default('i-9'),
    zone: z.string().default('cn-hangzhou-h'),
  }),
  SIGHT_LOST: z.strictObject({ at }),
  SIGHT_RETURNED: z.strictObject({ at }),
  REPAIRS_PAUSED: z.strictObject({ at }),
  REPAIRS_RESUMED: z.strictObject({ at }),
  SLOT_RETIRED: z.strictObject({ at }),
} as const;

function eventOf(type: string, words: readonly string[], now: number): NodeEvent {
  const fields = fieldsOf(words);
  const when = now + (fields.at === undefined ? 0 : duration(fields.at));
  if (type === 'POLICY_CHANGED') {
    const { at: _, ...policy } = fields;
    return { type, at: when, policy: z.record(z.string(), z.coerce.number()).parse(policy) };
  }
  const known = z.enum(Object.keys(eventFields).filter(isEventType)).parse(type);
  switch (known) {
    case 'NODE_NOT_READY':
      return { ...eventFields[known].parse(fields), type: known, at: when };
    case 'INSTANCE_CHANGED':
      return { ...eventFields[known].parse(fields), type: known, at: when };
    case 'SLOT_FILLED':
      return { ...eventFields[known].parse(fields), type: known, at: when };
    default:
      eventFields[known].parse(fields);
      return { type: known, at: when };
  }
}

function isEventType(type: string): type is keyof typeof eventFields {
  return type in eventFields;
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

function usualOutput(effect: string | undefined, permits: number): Record<string, unknown> {
  if (effect === 'requestPermit') return { permit: `permit-${permits}` };
  if (effect === 'restartKubelet') return { agentSilent: false };
  if (effect === 'replaceInstance') return { instanceId: 'i-2', nodeName: '10.0.0.2.i-2' };
  return {};
}

/** Facts of the context that a reader follows; the others never change or say nothing of the repair. */
const followed = [
  'ready',
  'objectMissing',
  'instance',
  'cloudRepairing',
  'cloudOverdue',
  'agentSilent',
  'tried',
  'reboots',
  'failedClimbs',
  'permit',
  'marked',
  'paused',
  'blind',
  'instanceId',
] as const satisfies readonly (keyof NodeContext)[];

/** Of an effect's input, what differs from one start to the next. */
const told = ['rung', 'force', 'trouble'] as const;

function report(steps: readonly Happened[], waitsBefore: string, actor: NodeDriver): readonly string[] {
  const lines: string[] = [];
  for (const step of steps) {
    const broken = brokenRules(step);
    if (broken.length > 0) throw new Error(`${step.event} in ${step.from}: ${broken.join('; ')}`);
    const from = step.event.startsWith('xstate.after.') ? `${spoken(step.at)}, ${delayOf(step.event)}: ` : '';
    if (step.from !== step.to) lines.push(`${from}${step.from} → ${step.to}`);
    else if (from) lines.push(`${from}stays in ${step.to}`);
    const facts = followed
      .filter((key) => step.before[key] !== step.after[key])
      .map((key) => `${key}: ${step.before[key]} → ${step.after[key]}`);
    if (step.before.failure?.code !== step.after.failure?.code)
      facts.push(`failure: ${step.after.failure?.code ?? 'forgotten'}`);
    if (facts.length > 0) lines.push(facts.join(', '));
    for (const id of step.stopped) lines.push(`stop ${id}`);
    for (const { src, input } of step.started) {
      const values = told.flatMap((key) => {
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

function waitsOf(actor: NodeDriver): string {
  return [...actor.deadlines()].map(([id, due]) => `${delayOf(id)} until ${spoken(due)}`).join(', ');
}
