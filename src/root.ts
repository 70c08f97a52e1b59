import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** The folder of wdrip's package, with a slash at its end: where what is not code lies, for the sources and for the bundle that is made of them. */
export const root: URL = packageOf(import.meta.url);

/** Version of wdrip, from its package.json. */
export async function version(): Promise<string> {
  const text = await readFile(new URL('package.json', root), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

function packageOf(module: string): URL {
  let folder = new URL('.', module);
  while (!existsSync(new URL('package.json', folder))) {
    const above = new URL('..', folder);
    if (above.href === folder.href) throw new Error(`${module} is in no package`);
    folder = above;
  }
  return folder;
}
