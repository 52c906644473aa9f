import type { Kustomization, ObjectKey, PlumbError } from '@plumb/api';
import { reworded } from '@plumb/api';
import { maskSecretText } from '@plumb/kube';

/** A shorter text may stand in a message by chance. What an API server says is masked by its form beside. */
const SHORTEST = 4;

/**
 * Whether a value of any object may come from a Secret or from an encrypted file. The bundle, where there is one, tells of what it was made with:
 * the spec may say something else by now.
 */
export function usesSecrets({ spec }: Pick<Kustomization, 'spec'>, bundle: { configs: string } | null): boolean {
  const named = spec.postBuild?.substituteFrom?.some(({ kind }) => kind === 'Secret') ?? false;
  return named || spec.decryption !== undefined || /^Secret\//m.test(bundle?.configs ?? '');
}

/** What is told of a failure about an object; where its values are to be hidden, an API server's words without what they may quote of them. */
export function toldOf(error: PlumbError, { name, namespace }: ObjectKey, hidesValues: boolean): string {
  const isRefusal = hidesValues && error.code.startsWith('api-');
  return isRefusal ? maskSecretText(error.message, [name, namespace]) : error.message;
}

/** The same failure without these texts: an API server repeats a value that it does not take (I8). */
export function hideSecrets(error: PlumbError, secrets: readonly string[]): PlumbError {
  const long = secrets.filter((secret) => secret.length >= SHORTEST);
  const hidden = long.flatMap(formsOf).filter((form) => error.message.includes(form));
  if (hidden.length === 0) return error;
  const longestFirst = hidden.sort((a, b) => b.length - a.length);
  const message = longestFirst.reduce((text, secret) => text.replaceAll(secret, '***'), error.message);
  return reworded(error, message);
}

/** How a text stands in a message: as it is, in JSON, in JSON as Go writes it (`<` is `\\u003c`), in quotes of Go (`%q`). */
function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const goJson = json
    .replaceAll(/[<>&\u2028\u2029]/g, unicodeEscape)
    .replaceAll('\\b', '\\u0008')
    .replaceAll('\\f', '\\u000c');
  const quoted = json.replaceAll(/\\u(?:0007|000b|00([0-9a-f]{2}))|\u007f/g, (escape, hex?: string) => {
    if (escape === '\\u0007') return '\\a';
    if (escape === '\\u000b') return '\\v';
    return `\\x${hex ?? '7f'}`;
  });
  return [...new Set([secret, json, goJson, quoted])];
}

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
