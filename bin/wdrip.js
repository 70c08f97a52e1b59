#!/usr/bin/env node
// The sources are TypeScript and run as they are: one way of running, nothing to build or to forget to build.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/cli/main.ts');
await main(process.argv);
