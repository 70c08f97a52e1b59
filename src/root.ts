import { existsSync } from 'node:fs';

/** The folder of wdrip's package, with a slash at its end: where what is not code lies, for the sources and for the bundle that is made of them. */
export const root: URL = packageOf(import.meta.url);

function packageOf(module: string): URL {
  let folder = new URL('.', module);
  while (!existsSync(new URL('package.json', folder))) {
    const above = new URL('..', folder);
    if (above.href === folder.href) throw new Error(`${module} is in no package`);
    folder = above;
  }
  return folder;
}
