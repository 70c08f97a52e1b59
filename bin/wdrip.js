#!/usr/bin/env node
// The sources are TypeScript and run as they are: one way of running, nothing to build or to forget to build.
import { register } from 'tsx/esm/api';

// gRPC names the server by its address, which TLS ignores: members of etcd have no other names. No operator can do anything about that.
const ignored = 'DEP0123';
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (Reflect.get(warning, 'code') !== ignored) process.stderr.write(`${warning.stack ?? warning}\n`);
});

register();
const { main } = await import('../src/cli/main.ts');
await main(process.argv);
