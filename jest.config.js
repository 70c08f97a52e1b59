// Two projects: `unit` runs in seconds and is part of `npm run check`; `parts` starts real processes and servers.
const shared = {
  testEnvironment: 'node',
  // The development build of xstate throws where the production build quietly does the wrong thing.
  testEnvironmentOptions: { customExportConditions: ['node', 'development', 'require'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
};

export default {
  // By default jest leaves a core free, which on two cores means one file after the other in one process.
  maxWorkers: 2,
  // A machine that is busy with something else is slow, not broken. In ms; jest does not heed it in a project's own settings.
  testTimeout: 30_000,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['\\.parts\\.test\\.ts$', '/node_modules/'],
    },
    { ...shared, displayName: 'parts', testMatch: ['<rootDir>/test/**/*.parts.test.ts'] },
  ],
};
