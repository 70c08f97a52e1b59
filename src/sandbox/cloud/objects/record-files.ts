import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';

/** Records as JSON files, one each: whole or not at all after a crash. */
export interface RecordFiles<T> {
  readonly all: ReadonlyMap<string, T>;
  /** Changes the record at once, and resolves when it is on disk; null removes it. */
  set(name: string, record: T | null): Promise<void>;
}

/** Opens them in a directory, which is made if need be. @throws ZodError if one is broken */
export async function openRecordFiles<T>(
  directory: string,
  schema: z.ZodType<T>,
  nameOf: (record: T) => string,
): Promise<RecordFiles<T>> {
  await mkdir(directory, { recursive: true });
  const all = new Map<string, T>();
  for (const file of await readdir(directory)) {
    if (!file.endsWith('.json')) continue;
    const record = schema.parse(JSON.parse(await readFile(join(directory, file), 'utf8')));
    all.set(nameOf(record), record);
  }
  // Of one record one write after the other, each of what holds by then: two renames could else end in the wrong order.
  const writing = new Map<string, Promise<void>>();
  const write = async (name: string) => {
    const path = join(directory, `${createHash('sha256').update(name).digest('hex')}.json`);
    const record = all.get(name);
    if (record === undefined) return rm(path, { force: true });
    const handle = await open(`${path}.new`, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(record));
    } finally {
      await handle.close();
    }
    await rename(`${path}.new`, path);
  };
  return {
    all,
    async set(name, record) {
      if (record === null) all.delete(name);
      else all.set(name, record);
      const before = writing.get(name) ?? Promise.resolve();
      const mine = before.catch(() => undefined).then(() => write(name));
      writing.set(name, mine);
      try {
        await mine;
      } finally {
        if (writing.get(name) === mine) writing.delete(name);
      }
    },
  };
}
