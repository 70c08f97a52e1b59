import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { gzip } from 'node:zlib';
import { root } from '../root.ts';

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly gzipped: Buffer;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

const folder = new URL('src/dashboard/page/', root);

/** All files of the page by the path that they are asked for. They hold no secret, so they need no token. */
export async function loadPage(): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  for (const name of await readdir(folder)) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const bytes = await readFile(new URL(name, folder));
    const file = { type, bytes, gzipped: await compressed(bytes) };
    files.set(name === 'index.html' ? '/' : `/${name}`, file);
  }
  return files;
}

function compressed(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(bytes, (failed, result) => (failed ? reject(failed) : resolve(result)));
  });
}
