import { jest } from '@jest/globals';

/**
 * Zstd without its threads, for tests in virtual time: real threads take real time, and virtual time would not wait for them. To be
 * imported before what compresses, which is then imported dynamically.
 */
const copy = async (content: Buffer) => Buffer.from(content);
jest.unstable_mockModule('../../src/backup/format/zstd.ts', () => ({ compress: copy, decompress: copy }));
