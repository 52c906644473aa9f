import { PlumbError, userError } from '@plumb/api';
import { withoutTexts } from './secret-forms.ts';

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

/** A message without any of these texts. Shorter ones would be found anywhere. */
export function withoutSecrets(message: string, secrets: readonly string[]): string {
  const long = secrets.filter((secret) => secret.length >= 3);
  return withoutTexts(message, long, '…');
}

/** What went wrong in a build, without any of these texts. The cause may hold them too and is left out then. */
export function withoutSecretsIn(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof PlumbError) || error.code !== 'build-failed') return error;
  const message = withoutSecrets(error.message, secrets);
  return message === error.message ? error : userError('build-failed', message);
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
