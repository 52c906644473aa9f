/** A number with a suffix as resource.Quantity reads it (apimachinery pkg/api/resource). */
const QUANTITY = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE]))?$/;

const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = { Ki: 1n, Mi: 2n, Gi: 3n, Ti: 4n, Pi: 5n, Ei: 6n };

/** Longer texts are no quantities anybody writes. */
const LENGTH_LIMIT = 40;

/**
 * One text for all spellings of a quantity: `1000m`, `1` and 1 give the same. null for what is no quantity, and for what
 * the API server would round (finer than one billionth).
 */
export function canonicalQuantity(value: unknown): string | null {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return null;
  const text = String(value).trim();
  const match = text.length <= LENGTH_LIMIT ? QUANTITY.exec(text) : null;
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent, suffix = ''] = match;
  if (whole === '' && fraction === '') return null;
  const scale = exponent === undefined ? (DECIMAL[suffix] ?? 0) : Number(exponent);
  return normalise(BigInt(`${whole}${fraction}`) * 1024n ** (BINARY[suffix] ?? 0n), scale - fraction.length, sign);
}

function normalise(digits: bigint, scale: number, sign: string): string | null {
  if (digits === 0n) return '0';
  let rest = digits;
  let exponent = scale;
  while (rest % 10n === 0n) {
    rest /= 10n;
    exponent += 1;
  }
  if (exponent < -9) return null;
  return `${sign === '-' ? '-' : ''}${rest}e${exponent}`;
}
