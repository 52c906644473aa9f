import type { KubeObject } from '@plumb/api';
import { MASK } from '../trial/compared.ts';
import { isSecret } from '../trial/secrets.ts';

/** What a text and a secret value have in common that is shorter may be chance. Characters. */
const SHORTEST_PIECE = 8;

/** All that Secrets hold, as it is and as it is encoded. What is no Secret holds nothing. */
export function valuesIn(objects: readonly (KubeObject | null)[]): string[] {
  return objects
    .filter((object) => object !== null)
    .filter(isSecret)
    .flatMap((secret) => {
      const { data = {}, stringData = {} } = secret as { data?: object; stringData?: object };
      const encoded = Object.values(data).filter(isText);
      const plain = Object.values(stringData).filter(isText);
      return [
        ...encoded.flatMap((text) => [text, Buffer.from(text, 'base64').toString('utf8')]),
        ...plain.flatMap((text) => [text, Buffer.from(text).toString('base64')]),
      ];
    });
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** A text without what it has in common with any of these values. */
export function withoutPieces(text: string, values: readonly string[]): string {
  const isHidden = new Uint8Array(text.length);
  // Texts are short, and values may be a megabyte: what is looked up is what the text has.
  const places = new Map<string, number[]>();
  for (let at = 0; at + SHORTEST_PIECE <= text.length; at++) {
    const piece = text.slice(at, at + SHORTEST_PIECE);
    places.set(piece, [...(places.get(piece) ?? []), at]);
  }
  for (const value of values) {
    for (let at = 0; at + SHORTEST_PIECE <= value.length; at++) {
      const piece = value.slice(at, at + SHORTEST_PIECE);
      for (const place of places.get(piece) ?? []) isHidden.fill(1, place, place + SHORTEST_PIECE);
      // Once is enough: a value may repeat itself.
      places.delete(piece);
    }
  }
  return maskedWhere(text, isHidden);
}

function maskedWhere(text: string, isHidden: Uint8Array): string {
  let shown = '';
  for (let at = 0; at < text.length; at++) {
    if (isHidden[at] === 0) shown += text[at];
    else if (at === 0 || isHidden[at - 1] === 0) shown += MASK;
  }
  return shown;
}
