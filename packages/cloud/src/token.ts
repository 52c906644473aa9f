/** A secret that is good until a moment. */
export interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A service account of the agent's own cluster. */
export interface AccountRef {
  readonly namespace: string;
  readonly name: string;
}

/** Whose identity is used: that of a service account, or the agent's own (null). */
export type Identity = AccountRef | null;

/** The service accounts of the agent's own cluster. */
export interface Accounts {
  /** @returns null where there is no such account */
  annotations(account: AccountRef): Promise<Readonly<Record<string, string>> | null>;
  /** A token for these audiences; none means the cluster's own API server. */
  token(account: AccountRef, audiences: readonly string[]): Promise<Token>;
}

/** What a process is told by its surroundings. Only a main.ts reads them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds since the epoch, of a lifetime in seconds that begins now. */
export function expiryIn(seconds: unknown, now: number): number {
  const life = Number(seconds);
  return now + (Number.isFinite(life) && life > 0 ? life : FALLBACK_LIFE) * 1_000;
}

/** Milliseconds since the epoch, of a time in RFC 3339. */
export function expiryAt(time: unknown, now: number): number {
  const at = Date.parse(String(time));
  return Number.isNaN(at) ? now + FALLBACK_LIFE * 1_000 : at;
}

/** Seconds a token is used for that does not say how long it is good. */
const FALLBACK_LIFE = 600;
