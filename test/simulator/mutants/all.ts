import { table } from '../../../src/cli/table.ts';
import type { Mutant } from './mutant.ts';
import { mutants } from './mutants.ts';
import { judge, type Verdict } from './run.ts';

/** `npm run simulate:mutants [NAME …]`: plants each mutant, and prints by what it was found. Status 1 if one survives. */
const asked = process.argv.slice(2);
const chosen = mutants.filter(({ name }) => asked.length === 0 || asked.includes(name));
const queue = [...chosen];
const verdicts = new Map<string, Verdict & { readonly ms: number }>();

async function work(): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const begunAt = Date.now();
    const verdict = await judge(mutant);
    verdicts.set(mutant.name, { ...verdict, ms: Date.now() - begunAt });
    const by = verdict.seed === null ? 'SURVIVES' : `found by invariant ${verdict.invariant}`;
    process.stderr.write(`${verdicts.size} of ${chosen.length}: ${mutant.name} ${by}\n`);
  }
}

/** What the unharmed sources must hold: every history that a mutant is judged by. */
function histories(): readonly Mutant[] {
  const widest = new Map<string, Mutant>();
  for (const { options = {}, seeds } of chosen) {
    const key = JSON.stringify(options);
    const most = Math.max(seeds, widest.get(key)?.seeds ?? 0);
    widest.set(key, { name: 'none', breaks: 'nothing', edits: [], options, seeds: most });
  }
  return [...widest.values()];
}

// What breaks by itself proves nothing of a mutant.
for (const unharmed of histories()) {
  const { seed, invariant, what } = await judge(unharmed);
  if (seed !== null)
    throw new Error(
      `without any mutant, seed ${seed} breaks invariant ${invariant} (${JSON.stringify(unharmed.options)}): ${what}`,
    );
}
await Promise.all([work(), work()]);
const rows = chosen.map((mutant) => {
  const verdict = verdicts.get(mutant.name);
  const found = verdict === undefined || verdict.seed === null ? null : verdict;
  return [
    mutant.name,
    found === null ? 'SURVIVES' : `invariant ${found.invariant ?? '- (a defect)'}`,
    found === null ? '' : String(found.seed),
    `${verdict?.seeds ?? 0} of ${mutant.seeds}`,
    `${((verdict?.ms ?? 0) / 1_000).toFixed(1)} s`,
    mutant.breaks,
  ];
});
console.log(table(['MUTANT', 'FOUND BY', 'SEED', 'SEEDS', 'TOOK', 'BREAKS'], rows));
const survivors = rows.filter(([, by]) => by === 'SURVIVES').length;
console.log(`\n${chosen.length} mutants, ${survivors} survive`);
process.exitCode = survivors > 0 ? 1 : 0;
