// The bundle of the sources as they are now, in dist/: it is made where the sources are not those that it was made of, so there is nothing to
// build by hand or to forget to build. `npm install` makes it too, so that the first start is quick. Why a bundle: docs/decisions/running-typescript.md.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
/** A program that runs loads parts of its bundle when it first needs them: so many of the newest ones are kept. */
const kept = 5;

/**
 * URL of the bundled `entry`, a TypeScript file of this package, by its path from the package's folder. Throws what esbuild says of sources that
 * it can't read.
 */
export async function bundled(entry) {
  const folder = join(dist, `${entry.replace(/\.ts$/, '').replaceAll('/', '-')}-${stampOf(entry)}`);
  if (!existsSync(folder)) await build(entry, folder);
  return pathToFileURL(join(folder, 'entry.js')).href;
}

/** What the bundle is made of: the sources, the tools' versions in package.json, and this file. By content, so that it is the same wherever it is copied to. */
function stampOf(entry) {
  const hash = createHash('sha256');
  const parts = ['machines', 'src', 'bin/build.js', 'package.json'];
  if (!entry.startsWith('src/')) parts.push('bench', 'test');
  for (const part of parts) addTo(hash, part);
  return hash.digest('hex').slice(0, 16);
}

function addTo(hash, path) {
  if (/\.(ts|js|json)$/.test(path)) {
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0');
    return;
  }
  for (const found of readdirSync(join(root, path), { withFileTypes: true })) {
    if (found.isDirectory() || found.name.endsWith('.ts')) addTo(hash, `${path}/${found.name}`);
  }
}

async function build(entry, folder) {
  // Two that build at once don't meet: each has its own folder, and the first to be done gives it its name.
  const own = `${folder}.${process.pid}`;
  const esbuild = await import('esbuild');
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: { entry },
    outdir: own,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    target: 'node20',
    logLevel: 'silent',
  });
  await esbuild.stop();
  await rename(own, folder).catch((error) => {
    if (!existsSync(folder)) throw error;
  });
  await rm(own, { recursive: true, force: true });
  await forgetOld();
}

async function forgetOld() {
  const folders = [];
  for (const name of readdirSync(dist)) {
    const path = join(dist, name);
    // Another one that builds may have just given it its name.
    const found = statSync(path, { throwIfNoEntry: false });
    if (found) folders.push({ path, made: found.mtimeMs });
  }
  folders.sort((one, other) => other.made - one.made);
  for (const { path } of folders.slice(kept)) await rm(path, { recursive: true, force: true });
}
