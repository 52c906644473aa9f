/** Milliseconds of a Retry-After header: seconds or an HTTP date (RFC 9110 §10.2.3). */
export function retryAfterOf(value: string | undefined, now: number = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
