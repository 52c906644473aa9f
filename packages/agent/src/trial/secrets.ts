import type { KubeObject, ObjectKey, PlumbError } from '@plumb/api';
import { keyId, reworded } from '@plumb/api';
import type { FieldChange } from '@plumb/core';
import { fieldChanges } from '@plumb/core';
import { maskSecretText } from '@plumb/kube';
import type { Desired } from '@plumb/render';
import { hidingTexts } from '@plumb/render';
import { MASK, maskDifferences } from './compared.ts';

/** A text that holds a shorter one may hold it by chance. */
const SHORTEST = 4;
/** They say nothing by themselves. */
const PLAIN: ReadonlySet<string> = new Set(['', 'true', 'false', 'null']);

/** What of one object a value of a Secret has a part in. */
interface Parts {
  masked: KubeObject;
  key: ObjectKey;
  /** Of fields, as `fieldChanges` names them. */
  paths: readonly string[];
  /** Of maps that have a key made of one. */
  parents: ReadonlySet<string>;
}

/**
 * Hides what must not be shown: the data of Secrets, every value and key of another object that comes out otherwise with other values in the
 * Secrets, and every text that is, or holds, a value of one of them.
 */
export class Secrets {
  readonly #values = new Set<string>();
  /** Leaves and keys of objects that a value has a part in. */
  readonly #made = new Set<string>();
  readonly #parts = new Map<string, Parts>();
  /** Made of so many texts. */
  #hider: { count: number; hide: (text: string) => string } = { count: 0, hide: (text) => text };
  /** What names objects, of a unit that uses Secrets; null for any other. */
  #open: Set<string> | null = null;

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

  /** What differs between the same objects built with the values of Secrets, and with others, is secret from now on. */
  compare(objects: readonly Pick<Desired, 'key' | 'body'>[], others: readonly Pick<Desired, 'body'>[]): void {
    this.#open ??= new Set();
    for (const [index, { key, body }] of objects.entries()) {
      const other = others[index]?.body ?? { apiVersion: '', kind: '', metadata: { name: '' } };
      const masked = maskDifferences(body, other, (text) => this.#made.add(text)) as KubeObject;
      const changes = fieldChanges(other, body);
      const parents = changes.filter(({ before }) => before === undefined).map(({ path }) => parentOf(path));
      const shown = maskedKey(key, masked);
      // Of a second build of the same objects, what a secret has a part in there counts too.
      const { paths = [], parents: before = [] } = this.#parts.get(keyId(key)) ?? {};
      this.#parts.set(keyId(key), {
        masked,
        key: shown,
        // Items without a name of their own may have stood elsewhere before.
        paths: [...paths, ...changes.map(({ path }) => path.replace(/\[\d+\].*$/s, ''))],
        parents: new Set([...before, ...parents]),
      });
      for (const name of [shown.name, shown.namespace, shown.kind]) this.#open.add(name);
    }
  }

  /** A copy of an object of the build without secret values. */
  masked({ key, body }: Pick<Desired, 'key' | 'body'>): KubeObject {
    return this.#withMasks(this.#parts.get(keyId(key))?.masked ?? body, body);
  }

  #withMasks(object: KubeObject, body: KubeObject): KubeObject {
    const hidden = isSecret(body) ? ['data', 'stringData'].filter((field) => isFilled(object[field])) : [];
    const masks = hidden.map((field) => [field, masksFor(object[field] as object)] as const);
    return { ...(this.value(object, MASK) as KubeObject), ...Object.fromEntries(masks) };
  }

  /** A copy of an object that is none of the build, such as a hook's, without secret values. `other`: the same with other values in the Secrets. */
  hidden(body: KubeObject, other: KubeObject | null): KubeObject {
    const object = other === null ? body : (maskDifferences(body, other, (text) => this.#made.add(text)) as KubeObject);
    return this.#withMasks(object, body);
  }

  /** The name of an object, masked where a value has a part in it. */
  key(key: ObjectKey): ObjectKey {
    const { namespace, name } = key;
    const shown = this.#parts.get(keyId(key))?.key;
    return shown ?? { ...key, ...(this.value({ namespace, name }, MASK) as Pick<ObjectKey, 'namespace' | 'name'>) };
  }

  /** What changes of an object, values hidden only after they were compared. */
  change(key: ObjectKey, { path, before, after }: FieldChange): FieldChange {
    const parts = this.#parts.get(keyId(key));
    const ofData = key.group === '' && key.kind === 'Secret' && HIDDEN_OF_SECRETS.test(path);
    const isMade = ofData || parts?.paths.some((secret) => isWithin(path, secret) || isWithin(secret, path)) === true;
    const wasMade = after === undefined && parts?.parents.has(parentOf(path)) === true;
    const shown = (value: unknown, side: 'before' | 'after'): unknown => {
      if (value === undefined) return undefined;
      return isMade || wasMade ? maskOf(side) : this.value(value, maskOf(side));
    };
    const named = wasMade ? `${parentOf(path)}[${MASK}]` : isMade && !ofData ? this.#without(path) : path;
    return { path: named, before: shown(before, 'before'), after: shown(after, 'after') };
  }

  /** A text of ours or of a server, without secret values. */
  message(text: string): string {
    const known = this.#without(text);
    return this.#open === null ? known : maskSecretText(known, [...this.#open]);
  }

  /** A text that is made of a release, line by line without secret values. `other`: the same with other values in the Secrets. */
  text(text: string, other: string): string {
    const [lines, others] = [text.split('\n'), other.split('\n')];
    const isSame = (line: string, index: number): boolean =>
      lines.length === others.length ? line === others[index] : others.includes(line);
    return lines.map((line, index) => (isSame(line, index) ? this.message(line) : MASK)).join('\n');
  }

  /** The same failure, told without secret values. */
  error(error: PlumbError): PlumbError {
    const message = this.message(error.message);
    return message === error.message ? error : reworded(error, message);
  }

  /** A copy of any part of an object that is no Secret, with `mask` in place of what is secret. */
  value(value: unknown, mask: string): unknown {
    if (typeof value === 'string') return this.#isSecret(value) ? mask : value;
    if (Array.isArray(value)) return value.map((item) => this.value(item, mask));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.value(item, mask)]));
  }

  #isSecret(text: string): boolean {
    if (this.#values.has(text) || (text.length >= SHORTEST && this.#made.has(text) && !PLAIN.has(text))) return true;
    return this.#values.values().some((secret) => secret.length >= SHORTEST && text.includes(secret));
  }

  /** Short ones are only taken out where they stand by themselves. */
  #without(text: string): string {
    const all = [...this.#values, ...this.#made].filter((secret) => !PLAIN.has(secret));
    const shown = all
      .filter((secret) => text.includes(secret))
      .sort((a, b) => b.length - a.length)
      .reduce((shown, secret) => {
        if (secret.length >= SHORTEST) return shown.replaceAll(secret, MASK);
        return shown.replaceAll(
          new RegExp(String.raw`(?<![\p{L}\p{N}])${RegExp.escape(secret)}(?![\p{L}\p{N}])`, 'gu'),
          MASK,
        );
      }, text);
    return this.#hiding(all)(shown);
  }

  /** Whatever form they are printed in. */
  #hiding(all: readonly string[]): (text: string) => string {
    if (this.#hider.count !== all.length) {
      const long = all.filter((secret) => secret.length >= SHORTEST);
      this.#hider = { count: all.length, hide: hidingTexts(long, MASK) };
    }
    return this.#hider.hide;
  }

  /** Variables lose their line ends before they are put in. */
  #put(text: string): void {
    for (const form of [text, text.replaceAll('\n', ''), Buffer.from(text).toString('base64')])
      if (form !== '') this.#values.add(form);
  }
}

/** kubectl keeps the whole of an object in an annotation. */
const HIDDEN_OF_SECRETS = /^(?:data|stringData)\b|^metadata\.annotations(?:$|\[kubectl)/;

export function isSecret({ apiVersion, kind }: Pick<KubeObject, 'apiVersion' | 'kind'>): boolean {
  return apiVersion === 'v1' && kind === 'Secret';
}

/** What a secret value reads as on one side of a comparison. */
function maskOf(side: 'before' | 'after'): string {
  return `${MASK} (${side})`;
}

function maskedKey(key: ObjectKey, { kind, metadata }: KubeObject): ObjectKey {
  const namespace = key.namespace === '' ? '' : (metadata.namespace ?? MASK);
  return { ...key, kind, namespace, name: metadata.name };
}

/** Whether a path is another one, or leads further down from it. */
function isWithin(path: string, top: string): boolean {
  return top === '' || path === top || (path.startsWith(top) && /[.[]/.test(path.charAt(top.length)));
}

function parentOf(path: string): string {
  return path.replace(/(?:\.?[\w-]+|\[[^\]]*\])$/, '');
}

function isFilled(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function textsOf(map: unknown): string[] {
  return Object.values((map ?? {}) as Record<string, unknown>).filter((value) => typeof value === 'string');
}

function masksFor(map: object): Record<string, string> {
  return Object.fromEntries(Object.keys(map).map((key) => [key, MASK]));
}
