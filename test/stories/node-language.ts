import { z } from 'zod';
import type { NodeContext, NodeEvent, NodeInput } from '../../machines/node.ts';
import { driveNode } from '../machines/driver.ts';
import { brokenRules } from '../machines/rules.ts';
import { type Driver, duration, fieldsOf, type Language } from './runner.ts';

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
  SLOT_WANTED: z.strictObject({ at }),
  MARKS_LEFT: z.strictObject({ at }),
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

function usualOutput(effect: string, count: number): Record<string, unknown> {
  if (effect === 'requestPermit') return { permit: `permit-${count}` };
  if (effect === 'restartKubelet') return { agentSilent: false };
  if (effect === 'replaceInstance') return { instanceId: 'i-2', nodeName: '10.0.0.2.i-2' };
  return {};
}

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

const told = ['rung', 'force', 'trouble'] as const;

/** Stories of the node machine. */
export const nodeLanguage: Language = {
  word: 'node',
  begin: (words) => driveNode(inputOf(words)) as unknown as Driver,
  event: (type, words, now) => eventOf(type, words, now),
  usualOutput,
  followed,
  told,
  broken: (step) => brokenRules(step as Parameters<typeof brokenRules>[0]),
};
