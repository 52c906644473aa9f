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

/** Texts without what they have in common with any of these values. Takes time in proportion to all of them together. */
export function withoutPieces(texts: readonly string[], values: readonly string[]): string[] {
  const hidden = texts.map((text) => new Uint8Array(text.length));
  // Texts are short, and values may be a megabyte: what is looked up is what the texts have.
  const places = new Map<string, { text: number; at: number }[]>();
  for (const [index, text] of texts.entries()) {
    for (let at = 0; at + SHORTEST_PIECE <= text.length; at++) {
      const piece = text.slice(at, at + SHORTEST_PIECE);
      const known = places.get(piece) ?? [];
      places.set(piece, known);
      known.push({ text: index, at });
    }
  }
  for (const value of values) {
    for (let at = 0; at + SHORTEST_PIECE <= value.length; at++) {
      const piece = value.slice(at, at + SHORTEST_PIECE);
      for (const place of places.get(piece) ?? []) hidden[place.text]?.fill(1, place.at, place.at + SHORTEST_PIECE);
      // Once is enough: a value may repeat itself.
      places.delete(piece);
    }
  }
  return texts.map((text, index) => maskedWhere(text, hidden[index] ?? new Uint8Array(text.length)));
}

function maskedWhere(text: string, isHidden: Uint8Array): string {
  let shown = '';
  for (let at = 0; at < text.length; at++) {
    if (isHidden[at] === 0) shown += text[at];
    else if (at === 0 || isHidden[at - 1] === 0) shown += MASK;
  }
  return shown;
}
