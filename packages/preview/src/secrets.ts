import type { KubeObject } from '@plumb/api';

/** What stands in place of a secret value. */
const MASK = '***';
/** A text that holds a shorter one may hold it by chance. */
const SHORTEST = 4;

/** Hides what must not be shown: the data of Secrets, and in any other object every text that is, or holds, a value of one of them. */
export class Secrets {
  readonly #values = new Set<string>();

  /** Everything in the data of a Secret is secret from now on, as it is and encoded. Other objects add nothing. */
  add(object: KubeObject): void {
    if (!isSecret(object)) return;
    for (const text of textsOf(object['data'])) {
      this.#put(text);
      this.#put(Buffer.from(text, 'base64').toString('utf8'));
    }
    for (const text of textsOf(object['stringData'])) this.#put(text);
  }

  /** These texts are secret wherever they stand. */
  addTexts(texts: readonly string[]): void {
    for (const text of texts) this.#put(text);
  }

  /** A copy of an object without secret values. */
  masked(object: KubeObject): KubeObject {
    if (!isSecret(object)) return this.value(object, MASK) as KubeObject;
    const hidden = ['data', 'stringData'].filter(
      (field) => typeof object[field] === 'object' && object[field] !== null,
    );
    const masks = hidden.map((field) => [field, masksFor(object[field] as object)] as const);
    return { ...object, ...Object.fromEntries(masks) };
  }

  /** A copy of any part of an object that is no Secret, with `mask` in place of what is secret. */
  value(value: unknown, mask: string): unknown {
    if (typeof value === 'string') return this.#isSecret(value) ? mask : value;
    if (Array.isArray(value)) return value.map((item) => this.value(item, mask));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.value(item, mask)]));
  }

  #isSecret(text: string): boolean {
    if (this.#values.has(text)) return true;
    return this.#values.values().some((secret) => secret.length >= SHORTEST && text.includes(secret));
  }

  /** Variables lose their line ends before they are put in. */
  #put(text: string): void {
    for (const form of [text, text.replaceAll('\n', ''), Buffer.from(text).toString('base64')])
      if (form !== '') this.#values.add(form);
  }
}

export function isSecret({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): boolean {
  return apiVersion === 'v1' && kind === 'Secret';
}

/** What a secret value reads as on one side of a comparison. */
export function maskOf(side: 'before' | 'after'): string {
  return `${MASK} (${side})`;
}

function textsOf(map: unknown): string[] {
  return Object.values((map ?? {}) as Record<string, unknown>).filter((value) => typeof value === 'string');
}

function masksFor(map: object): Record<string, string> {
  return Object.fromEntries(Object.keys(map).map((key) => [key, MASK]));
}
