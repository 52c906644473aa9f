import { createHash } from 'node:crypto';
import { asPlumbError, type ImageRule, type ImageSigners } from '@plumb/api';
import type { PolicyFacts } from '@plumb/core';
import { parseLogins, type RegistryLogin, type SigningTrust } from '@plumb/sources';
import { readEntries, type Entries, type EntriesPlace, type Reading } from './read-entries.ts';

/** What images are looked at with: read from the objects that a policy names. */
export interface ImageMaterial {
  logins: readonly RegistryLogin[];
  /** Null where the policy does not ask. */
  signatures: { signers: ImageSigners; trust: SigningTrust } | null;
  vulnerabilities: { signers: ImageSigners; trust: SigningTrust } | null;
  /** Names all of it: what was found with it is not taken for found with other keys or logins. */
  digest: string;
}

/** @throws PlumbError when an object cannot be read, Error in words for people when it does not hold what it should */
export async function readMaterial(
  { namespace }: Pick<PolicyFacts, 'namespace'>,
  rule: ImageRule,
  reading: Reading,
): Promise<ImageMaterial> {
  const reader = new Reader(namespace, reading);
  const { signatures, vulnerabilities, pullSecretRefs = [] } = rule;
  const reportSigners = vulnerabilities && (vulnerabilities.signedBy ?? signatures);
  const logins = (await Promise.all(pullSecretRefs.map((place) => reader.logins(place)))).flat();
  const signing = signatures === undefined ? null : { signers: signatures, trust: await reader.trust(signatures) };
  const reporting =
    reportSigners === undefined ? null : { signers: reportSigners, trust: await reader.trust(reportSigners) };
  const whole = JSON.stringify([logins, signing, reporting]);
  const digest = createHash('sha256').update(whole).digest('hex');
  return { logins, signatures: signing, vulnerabilities: reporting, digest };
}

const ROOT = 'trusted_root.json';
const LOGINS = '.dockerconfigjson';

class Reader {
  readonly #namespace: string;
  readonly #reading: Reading;

  /** @param namespace that of the policy; empty for one of the cluster */
  constructor(namespace: string, reading: Reading) {
    this.#namespace = namespace;
    this.#reading = reading;
  }

  async trust({ keys = [], trustedRootRef }: ImageSigners): Promise<SigningTrust> {
    const named = await Promise.all(
      keys.map(async ({ pem, secretRef }, index) => {
        if (pem !== undefined) return [{ name: `key ${index + 1} of the policy`, pem }];
        return secretRef === undefined ? [] : this.#keysIn(secretRef);
      }),
    );
    return { keys: named.flat(), root: trustedRootRef === undefined ? null : await this.#root(trustedRootRef) };
  }

  async logins(place: EntriesPlace): Promise<RegistryLogin[]> {
    const { id, entries } = await this.#read({ ...place, kind: 'Secret' });
    const text = entries.get(LOGINS);
    if (text === undefined) throw new Error(`${id} has no ${LOGINS}: make it of type kubernetes.io/dockerconfigjson`);
    try {
      return parseLogins(text);
    } catch {
      throw new Error(`${LOGINS} of ${id} is no Docker configuration in JSON`);
    }
  }

  async #keysIn(place: EntriesPlace): Promise<SigningTrust['keys'][number][]> {
    const { id, entries } = await this.#read({ ...place, kind: 'Secret' });
    const keys = [...entries].filter(([name]) => name.endsWith('.pub'));
    if (keys.length === 0) throw new Error(`${id} has no entry that ends with .pub`);
    return keys.map(([name, pem]) => ({ name: `key ${name} of ${id}`, pem }));
  }

  async #root(place: EntriesPlace): Promise<string> {
    const { id, entries } = await this.#read(place);
    const root = entries.get(ROOT);
    if (root === undefined) throw new Error(`${id} has no ${ROOT}`);
    return root;
  }

  #read(place: EntriesPlace): Promise<Entries> {
    return readEntries(place, this.#namespace, this.#reading);
  }
}

export function wordsOf(error: unknown): string {
  return asPlumbError(error).message;
}
