// What `npm install` runs: the first start finds its bundle made.
import { bundled } from './build.js';

await bundled('src/cli/main.ts');
