import type { Kustomization, ObjectKey, PlumbError } from '@plumb/api';
import { reworded } from '@plumb/api';
import { maskSecretText } from '@plumb/kube';
import { hidingTexts } from '@plumb/render';

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
  const message = hidingSecrets(secrets)(error.message);
  return message === error.message ? error : reworded(error, message);
}

/** Takes these texts out of others, in any form. */
export function hidingSecrets(secrets: readonly string[]): (text: string) => string {
  const long = secrets.filter((secret) => secret.length >= SHORTEST);
  return long.length === 0 ? (text) => text : hidingTexts(long, '***');
}
