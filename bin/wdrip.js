#!/usr/bin/env node
import { bundled } from './build.js';

// gRPC names the server by its address, which TLS ignores: members of etcd have no other names. No operator can do anything about that.
const ignored = 'DEP0123';
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (Reflect.get(warning, 'code') !== ignored) process.stderr.write(`${warning.stack ?? warning}\n`);
});

const { main } = await import(await bundled('src/cli/main.ts'));
await main(process.argv);
