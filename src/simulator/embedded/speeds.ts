/** How many times faster than the wall's time the embedded cluster's may go by. At 60 a new system disk takes seconds. */
export const speeds = [1, 10, 60] as const;
export type Speed = (typeof speeds)[number];
