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

/** Pieces a message may quote one by one. Shorter ones say nothing, and would be found anywhere. */
const piece = /[^\s"'`,:=()[\]{}]{3,}/g;

/** A message without what stood in files that were decrypted: the pieces that their encrypted form does not show. */
export function withoutSecrets(
  message: string,
  files: readonly (readonly [encrypted: Uint8Array, plain: Uint8Array])[],
): string {
  let text = message;
  for (const [encrypted, plain] of files) {
    const open = new Set(piecesOf(encrypted));
    const secret = piecesOf(plain).filter((part) => !open.has(part));
    for (const part of secret.sort((a, b) => b.length - a.length)) text = text.replaceAll(part, '…');
  }
  return text;
}

function piecesOf(content: Uint8Array): string[] {
  return [...new Set(Buffer.from(content).toString().match(piece))];
}
