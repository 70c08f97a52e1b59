import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import tar from 'tar-stream';

export interface Unpacked {
  readonly mode: number;
  readonly content: string;
}

/** The files of a bundle, by their path. */
export async function unpack(bundle: Buffer): Promise<ReadonlyMap<string, Unpacked>> {
  const files = new Map<string, Unpacked>();
  for await (const entry of Readable.from([gunzipSync(bundle)]).pipe(tar.extract())) {
    const content = (await buffer(entry)).toString();
    files.set(entry.header.name, { mode: entry.header.mode ?? 0, content });
  }
  return files;
}
