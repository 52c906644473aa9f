import type { KubeObject } from '@plumb/api';

/** Within each, a character gives way to the next one. What YAML, JSON or a name gives a meaning to stays. */
const RINGS = ['0123456789', 'abcdef', 'ghijklmnopqrstuvwxyz', 'ABCDEF', 'GHIJKLMNOPQRSTUVWXYZ', '_+^;()='];
const NEXT = new Map(
  RINGS.flatMap((ring) => [...ring].map((character, at) => [character, ring[(at + 1) % ring.length] ?? ''] as const)),
);

/**
 * A text of the same shape with another letter or digit, in any case, at every place that has one, and one character more: wherever
 * a part of the first, its length, or what was made of either stands, the second leaves something else.
 */
export function standInFor(text: string): string {
  const changed = [...text].map((character, at, all) => (all[at - 1] === '\\' ? character : other(character)));
  const last = changed.findLastIndex((character) => /[\p{L}\p{N}]/u.test(character));
  return changed.map((character, at) => (at === last ? character + character : character)).join('');
}

function other(character: string): string {
  const next = NEXT.get(character);
  if (next !== undefined) return next;
  if (!/[^\p{ASCII}]/u.test(character)) return character;
  return character.toLowerCase() === 'ж' ? 'д' : 'ж';
}

/** A Secret with stand-ins for its values. */
export function withStandIns(secret: KubeObject): KubeObject {
  const data = Object.entries((secret['data'] ?? {}) as Record<string, string>).map(([key, value]) => {
    const text = standInFor(Buffer.from(value, 'base64').toString());
    return [key, Buffer.from(text).toString('base64')] as const;
  });
  return { ...secret, data: Object.fromEntries(data) };
}
