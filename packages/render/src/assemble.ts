import { displayKey, keyId, keyOf, userError } from '@plumb/api';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { compileIgnoreRules, storedForm, withoutIgnored } from '@plumb/core';
import type { IgnoredFields } from '@plumb/core';
import type { Bundle, Desired } from './bundle.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import type { Declared } from './declared.ts';
import { buildError, shown } from './errors.ts';
import { limits } from './limits.ts';
import type { BuildSpec } from './renderer.ts';

/** The part of a spec that marks every object. */
type Marks = Pick<BuildSpec, 'commonMetadata' | 'ownerLabels' | 'ignore'> & {
  /** A new value of an ignored field is applied, as Helm does; only drift of it is left. */
  setsIgnored?: boolean;
};

/**
 * Declared objects become a bundle: identities checked, common metadata and then the owner's labels set on each.
 * @throws PlumbError `build-failed` when two objects share an identity.
 */
export function assemble(
  declared: readonly Declared[],
  spec: Marks,
  rest: Pick<Bundle, 'reads' | 'warnings' | 'secrets'>,
): Bundle {
  checkIdentities(declared);
  for (const item of declared) checkNames(item);
  const ignoredOf = ignoredFieldsOf(spec);
  const whole: { key: ObjectKey; digest: string }[] = [];
  const objects = declared.map(({ body, origin }): Desired => {
    const marked = withMetadata(body, spec);
    const key = keyOf(marked);
    const digest = sha256(canonicalJson(marked));
    whole.push({ key, digest });
    const ignored = ignoredOf(marked);
    return {
      key,
      body: marked,
      digest: digestOf(marked, ignored, { digest, setsIgnored: spec.setsIgnored === true }),
      origin,
      ignored,
    };
  });
  return { digest: bundleDigest(whole), objects, ...rest };
}

/** @throws PlumbError `invalid-spec` for rules that cannot be used */
function ignoredFieldsOf({ ignore = [] }: Marks): IgnoredFields {
  const compiled = compileIgnoreRules(ignore);
  if (typeof compiled === 'function') return compiled;
  throw userError('invalid-spec', compiled.map(({ path, message }) => `${path} ${message}`).join('; '));
}

/** Over what an apply sends of an object that exists: where ignored fields are not set, a new value of one is no reason for an apply. */
function digestOf(
  body: KubeObject,
  ignored: readonly string[],
  { digest, setsIgnored }: { digest: string; setsIgnored: boolean },
): string {
  if (ignored.length === 0) return digest;
  const sent = setsIgnored ? body : withoutIgnored(storedForm(body), ignored);
  return sha256(canonicalJson([sent, ignored]));
}

/** What no name of the Kubernetes API holds: it would lead to another address, or break the ids an inventory is made of. */
const names = [
  { field: 'apiVersion', no: /[^\dA-Za-z.\-/]|\/.*\//, may: 'letters, digits, "-", "." and one "/"' },
  { field: 'kind', no: /[^\dA-Za-z.-]/, may: 'letters and digits' },
  { field: 'metadata.name', no: /[\p{Cc}\s/%]|^\.\.?$/u, may: 'no blank, line end, "/" or "%"' },
  { field: 'metadata.namespace', no: /[^\dA-Za-z.-]|^\.\.?$/, may: 'letters, digits and "-"' },
] as const;
const longestName = 253;

/** The API server checks the rest; these would not reach it as what they are. */
function checkNames({ body, place, told }: Declared): void {
  const { apiVersion, kind, metadata } = body;
  const values = [apiVersion, kind, metadata.name, metadata.namespace ?? ''];
  for (const [index, { field, no, may }] of names.entries()) {
    const value = values[index] ?? '';
    const what = told === undefined ? `${field} ${shown(value)}` : `${field} of ${told}`;
    if (no.test(value)) throw buildError(place, `${what} may hold ${may}`);
    if (value.length > longestName) throw buildError(place, `${what} is longer than ${longestName} characters`);
  }
}

/** The order of objects does not count. */
function bundleDigest(objects: readonly { key: ObjectKey; digest: string }[]): string {
  const lines = objects.map(({ key, digest }) => `${keyId(key)} ${digest}`).sort();
  return sha256(lines.join('\n'));
}

/** Refuses two objects of one group, kind, namespace and name; no namespace counts as `default`, as in kustomize. */
export function checkIdentities(declared: readonly Declared[]): void {
  if (declared.length > limits.objects) {
    throw buildError(
      declared.at(-1)?.place ?? '.',
      `the build has ${declared.length} objects, at most ${limits.objects} are allowed`,
    );
  }
  const seen = new Map<string, Declared>();
  for (const item of declared) {
    const key = keyOf(item.body);
    const id = keyId(withNamespace(key));
    const first = seen.get(id);
    if (first !== undefined)
      throw buildError(
        item.place,
        `${item.told ?? displayKey(key)} is declared twice, first at ${first.place}: remove one`,
      );
    seen.set(id, item);
  }
}

function withNamespace(key: ObjectKey): ObjectKey {
  return key.namespace === '' ? { ...key, namespace: 'default' } : key;
}

/** Sets labels and annotations on the object alone, never on templates inside it. Values parsed from YAML may be shared: copy. */
export function withMetadata(body: KubeObject, spec: Pick<Marks, 'commonMetadata' | 'ownerLabels'>): KubeObject {
  const labels = { ...body.metadata.labels, ...spec.commonMetadata?.labels, ...spec.ownerLabels };
  const annotations = { ...body.metadata.annotations, ...spec.commonMetadata?.annotations };
  const metadata = { ...body.metadata };
  if (Object.keys(labels).length > 0) metadata.labels = labels;
  if (Object.keys(annotations).length > 0) metadata.annotations = annotations;
  return { ...body, metadata };
}
