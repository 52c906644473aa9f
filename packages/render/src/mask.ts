import { shownLength } from './errors.ts';

/**
 * kustomize quotes what it could not use: patches whole, literals of generators, the configuration of a transformer. Any of them may hold a
 * secret, so that none of it is shown (I8). What is left names the file, the step and the rule.
 */
export function withoutContent(message: string): string {
  return message
    .replaceAll(/`[^`]*`/g, '`…`')
    .replaceAll(/\[\d+(?: \d+)+\]/g, '[…]')
    .replaceAll(/\[patch: [\s\S]*\]/g, '[the patch]')
    .replaceAll(/literal sources \[[\s\S]*?\](?=:|$)/g, 'literal sources […]')
    .replaceAll(/(invalid literal source) [^,;]*/g, '$1, expected key=value')
    .replaceAll(/"(?:[^"\\]|\\.)*\\n(?:[^"\\]|\\.)*"/g, '"…"');
}

/** A message without any of these texts, whole or cut off as a message shows them. Shorter ones would be found anywhere. */
export function withoutSecrets(message: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= 3)
    .flatMap((secret) => (secret.length > shownLength ? [secret, secret.slice(0, shownLength)] : [secret]))
    .toSorted((a, b) => b.length - a.length)
    .reduce((text, secret) => text.replaceAll(secret, '…'), message);
}

/** Shorter texts say nothing, and would be found anywhere. */
const piece = /[^\s"'`,:=()[\]{}]{3,}/g;

/** The pieces of a decrypted file that its encrypted form does not show. */
export function secretPieces(encrypted: Uint8Array, plain: Uint8Array): string[] {
  const open = new Set(piecesOf(encrypted));
  return piecesOf(plain).filter((part) => !open.has(part));
}

function piecesOf(content: Uint8Array): string[] {
  return [...new Set(Buffer.from(content).toString().match(piece))];
}
