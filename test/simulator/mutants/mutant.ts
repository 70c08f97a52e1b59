/** A defect that is planted in the product, to see whether the simulator finds it. */
export interface Mutant {
  readonly name: string;
  /** What goes wrong with it, in one sentence. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
  /** Options of `wdrip simulate` that differ from the usual ones, where the defect takes more to show. */
  readonly options?: Readonly<Record<string, string>>;
  /** It is found by one of so many seeds, counted from 1. */
  readonly seeds: number;
}

/** `old` stands exactly once in the file, or the mutant is out of date. */
export interface Edit {
  readonly file: string;
  readonly old: string;
  readonly new: string;
}
