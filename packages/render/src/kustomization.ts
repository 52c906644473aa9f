import type { Json, JsonObject } from '@plumb/api';
import { buildError } from './errors.ts';
import { isObject, parseDocuments } from './yaml/documents.ts';
import { resolvePlain11 } from './yaml/scalar.ts';

/** The names kustomize knows a kustomization file by; a folder may hold one of them. */
export const kustomizationNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const;

/** Every field of a kustomization, so that a key in another case is found as kustomize finds it (it decodes by Go's JSON rules). */
const fieldNames = [
  'apiVersion',
  'kind',
  'metadata',
  'openapi',
  'namePrefix',
  'nameSuffix',
  'namespace',
  'commonLabels',
  'labels',
  'commonAnnotations',
  'patchesStrategicMerge',
  'patchesJson6902',
  'patches',
  'images',
  'imageTags',
  'replacements',
  'replicas',
  'vars',
  'sortOptions',
  'resources',
  'components',
  'crds',
  'bases',
  'configMapGenerator',
  'secretGenerator',
  'helmGlobals',
  'helmCharts',
  'helmChartInflationGenerator',
  'generatorOptions',
  'configurations',
  'generators',
  'transformers',
  'validators',
  'buildMetadata',
] as const;

export type FieldName = (typeof fieldNames)[number];

/** A kustomization file's content; unknown fields are kept, kustomize names them itself. */
export type Kustomization = { [field in FieldName]?: Json } & JsonObject;

const canonicalNames = new Map(fieldNames.map((name) => [name.toLowerCase(), name]));

/**
 * Parses a kustomization file.
 * @throws PlumbError `build-failed` when it is not one YAML map, or names a field twice.
 */
export function parseKustomization(path: string, content: Uint8Array): Kustomization {
  const documents = parseDocuments(path, content, { resolve: resolvePlain11 }).filter(({ value }) => value !== null);
  const [document, second] = documents;
  if (second !== undefined)
    throw buildError(`${path}:${second.line}`, 'a kustomization file holds one document, this is a second');
  const value = document?.value ?? {};
  if (!isObject(value)) throw buildError(path, 'is not a kustomization: it must be a map');
  // Without a prototype, a field named __proto__ is a field like any other.
  const fields = Object.create(null) as Kustomization;
  for (const [key, part] of Object.entries(value)) {
    const name = canonicalNames.get(key.toLowerCase()) ?? key;
    if (Object.hasOwn(fields, name)) throw buildError(path, `names the field ${name} twice`);
    fields[name] = part;
  }
  return fields;
}

/** Whether a kustomization names files and folders, and does nothing else: its objects are those of the files. */
export function onlyLists({ apiVersion, kind, resources, ...rest }: Kustomization): boolean {
  const isUsual =
    (apiVersion ?? 'kustomize.config.k8s.io/v1beta1') === 'kustomize.config.k8s.io/v1beta1' &&
    (kind ?? 'Kustomization') === 'Kustomization';
  if (!isUsual || Object.keys(rest).length > 0 || !Array.isArray(resources)) return false;
  return resources.length > 0 && resources.every((entry) => typeof entry === 'string' && entry !== '');
}

/** A list field's items; null counts as empty. */
export function listOf(kustomization: Kustomization, field: FieldName, path: string): Json[] {
  const value = kustomization[field] ?? [];
  if (!Array.isArray(value)) throw buildError(path, `${field} must be a list`);
  return value;
}

/** Whether kustomize would call it empty: no field but its kind is set. */
export function saysNothing(kustomization: Kustomization): boolean {
  return Object.entries(kustomization).every(
    ([field, value]) => field === 'apiVersion' || field === 'kind' || value === null || value === '',
  );
}
