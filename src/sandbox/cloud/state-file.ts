import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type CloudState, cloudStateSchema } from './records.ts';

/** Reads the state, or null if there is none. A file that can't be read as one is an error: guessing would lose instances. */
export async function readState(file: string): Promise<CloudState | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (caught) {
    if (isNotFound(caught)) return null;
    throw caught;
  }
  try {
    return cloudStateSchema.parse(JSON.parse(text));
  } catch (caught) {
    throw new Error(
      `${file} is not a state file of this sandbox: move it away to start with an empty cloud.`,
      {
        cause: caught,
      },
    );
  }
}

/** By its code: an error of another realm (a test runner's) is no `Error` of ours. */
export function isNotFound(caught: unknown): boolean {
  return typeof caught === 'object' && caught !== null && 'code' in caught && caught.code === 'ENOENT';
}

/**
 * Writes the state whole or not at all: a new file, synced, then renamed over the old one. It holds keys, so only its owner reads it.
 * The state is asked for when the file is open, and not before: a call that is being taken has then changed all that it changes, so that
 * no file holds an instance without the ClientToken that it was asked for with.
 */
export async function writeState(file: string, state: () => CloudState): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(state()));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
}

/** Saves, one write at a time: whoever asks while one runs shares the next. */
export interface Saver {
  /** Resolves when what holds now is on disk. */
  save(): Promise<void>;
}

export function createSaver(file: string, snapshot: () => CloudState): Saver {
  let tail: Promise<void> = Promise.resolve();
  let queued: Promise<void> | null = null;
  return {
    save() {
      if (queued !== null) return queued;
      const work = tail
        .catch(() => undefined)
        .then(() => {
          queued = null;
          return writeState(file, snapshot);
        });
      queued = work;
      tail = work;
      return work;
    },
  };
}
