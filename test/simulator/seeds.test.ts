import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { faultKinds } from '../../src/simulator/faults.ts';
import { replayCommand } from '../../src/simulator/replay.ts';
import { simulate } from '../../src/simulator/simulation.ts';

/** Histories that once showed a defect: the options that show it, and what it was. */
const schema = z.array(
  z.strictObject({
    options: z.strictObject({
      seed: z.number(),
      nodes: z.number(),
      masters: z.number().exactOptional(),
      hours: z.number(),
      zones: z.number(),
      faults: z.array(z.enum(faultKinds)).exactOptional(),
      only: z.array(z.number()).exactOptional(),
    }),
    found: z.string().min(20),
  }),
);
const text = readFileSync(new URL('./seeds.json', import.meta.url), 'utf8');
const seeds = schema.parse(JSON.parse(text));

test.each(seeds.map(({ found, options }) => [found, options] as const))(
  '%s',
  async (_, options) => {
    const { violation, story } = await simulate(options);
    expect({ violation, story, replay: replayCommand(options) }).toMatchObject({
      violation: null,
      story: [],
    });
  },
  30_000,
);
