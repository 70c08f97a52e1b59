import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const schema = z.object({ url: z.url(), token: z.string(), pid: z.number() });

/** How to reach the supervisor that runs on a store. */
export type SupervisorAddress = z.infer<typeof schema>;

const fileIn = (store: string) => join(store, 'supervisor.json');

/** Writes it into the store's folder, for its owner only: whoever has the token can pause repairs. */
export async function writeAddress(store: string, address: SupervisorAddress): Promise<void> {
  const draft = `${fileIn(store)}.new`;
  await writeFile(draft, `${JSON.stringify(address)}\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, fileIn(store));
}

/** Null if no supervisor has left its address there, or one that can't be read. */
export async function readAddress(store: string): Promise<SupervisorAddress | null> {
  try {
    return schema.parse(JSON.parse(await readFile(fileIn(store), 'utf8')));
  } catch {
    return null;
  }
}

export async function removeAddress(store: string): Promise<void> {
  await rm(fileIn(store), { force: true });
}
