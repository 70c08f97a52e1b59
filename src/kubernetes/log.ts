/** Where the adapter says what it goes through. A winston logger is one. */
export interface KubernetesLog {
  info(message: string, facts?: Readonly<Record<string, string | number>>): unknown;
  warn(message: string, facts?: Readonly<Record<string, string | number>>): unknown;
}

/** Says nothing. */
export const silentLog: KubernetesLog = Object.freeze({ info: () => undefined, warn: () => undefined });
