// Runs a file of this folder as the product runs, bundled: `node bench/start.js run.ts simulate`.
import { bundled } from '../bin/build.js';

const [name] = process.argv.splice(2, 1);
await import(await bundled(`bench/${name}`));
