import { z } from 'zod';
import { type Rung, rungs } from '../../machines/node.ts';

/** A change of state of an actor, as the supervisor's log tells it (src/supervisor/story.ts). */
export interface StateChange {
  /** Epoch ms. */
  readonly at: number;
  /** A slot, or an actor's id for those that are no nodes (`storm/pool/workers`, `supervisor`). */
  readonly actor: string;
  readonly from: string;
  readonly to: string;
  /** The event that caused it. */
  readonly event: string;
  /** Name of the node that the slot has then; null where the log names none. */
  readonly node: string | null;
  readonly failure: string | null;
}

/** What the admission desk said of a slot's request. */
export interface DeskLine {
  readonly at: number;
  readonly slot: string;
  readonly rung: string;
  /** The rule that holds it back, or null: it is admitted. */
  readonly rule: string | null;
}

/** One line of the supervisor's log, in JSON. */
const lineSchema = z.looseObject({
  timestamp: z.string(),
  level: z.string(),
  message: z.string(),
  event: z.string().optional(),
  node: z.string().optional(),
  failure: z.string().optional(),
  slot: z.string().optional(),
  rung: z.string().optional(),
  rule: z.string().optional(),
});
export type LogLine = z.infer<typeof lineSchema> & { readonly at: number };

/** A line of the log, or null if it is none of ours (a crash of Node.js, say). */
export function parseLogLine(text: string): LogLine | null {
  try {
    const line = lineSchema.parse(JSON.parse(text));
    return { ...line, at: Date.parse(line.timestamp) };
  } catch {
    return null;
  }
}

const change = /^(\S+): (\S+) → (\S+)$/;

/** The changes of state among the lines, in their order. */
export function stateChanges(lines: readonly LogLine[]): readonly StateChange[] {
  return lines.flatMap((line) => {
    const [, actor, from, to] = change.exec(line.message) ?? [];
    if (actor === undefined || from === undefined || to === undefined || line.event === undefined) return [];
    const { at, event, node = null, failure = null } = line;
    return [{ at, actor, from, to, event, node, failure }];
  });
}

/** What the desk said, in order. */
export function deskLines(lines: readonly LogLine[]): readonly DeskLine[] {
  return lines.flatMap(({ at, message, slot, rung, rule }): readonly DeskLine[] => {
    if (slot === undefined || rung === undefined) return [];
    if (message === 'repair admitted') return [{ at, slot, rung, rule: null }];
    if (message === 'repair waits' && rule !== undefined) return [{ at, slot, rung, rule }];
    return [];
  });
}

/** A rung that began its work. */
export interface RungTaken {
  readonly rung: Rung;
  /** When its work began, in epoch ms. */
  readonly at: number;
  /** When the slot left the rung. */
  readonly leftAt: number | null;
}

const acting = /^repairing\.(\w+)\.acting$/;

/** The rungs that a slot took, by their work: one that was only admitted or drained for has not been taken. */
export function rungsTaken(changes: readonly StateChange[], slot: string): readonly RungTaken[] {
  const own = changes.filter(({ actor }) => actor === slot);
  return own.flatMap((entry, index) => {
    const rung = rungs.find((each) => each === acting.exec(entry.to)?.[1]);
    if (rung === undefined) return [];
    const left = own.slice(index + 1).find(({ to }) => to !== `repairing.${rung}.awaitingReady`);
    return [{ rung, at: entry.at, leftAt: left?.at ?? null }];
  });
}

/** A stay of a slot in one state. `to` is null for the one that it is still in. */
export interface Stay {
  readonly state: string;
  readonly from: number;
  readonly to: number | null;
  /** The event that ended it. */
  readonly leftBy: string | null;
}

/** The slot's states one after the other. The first begins at `since`. */
export function stays(changes: readonly StateChange[], slot: string, since: number): readonly Stay[] {
  const own = changes.filter(({ actor, at }) => actor === slot && at >= since);
  const first = own[0];
  if (first === undefined) return [];
  const begun = [{ state: first.from, from: since }, ...own.map(({ to, at }) => ({ state: to, from: at }))];
  return begun.map(({ state, from }, index) => {
    const next = own[index];
    return { state, from, to: next?.at ?? null, leftBy: next?.event ?? null };
  });
}

/** The nodes that a slot had, as the log names them. */
export function nodesOf(changes: readonly StateChange[], slot: string): readonly string[] {
  return [...new Set(changes.flatMap(({ actor, node }) => (actor === slot && node !== null ? [node] : [])))];
}

/** The instance of a node: the last part of `<private ip>.<instance id>`. */
export function instanceOf(node: string): string {
  return node.slice(node.lastIndexOf('.') + 1);
}
