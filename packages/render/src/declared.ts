import type { Json, JsonObject, KubeObject } from '@plumb/api';
import type { Origin } from './bundle.ts';
import { buildError, shown } from './errors.ts';
import { limits } from './limits.ts';
import { isObject } from './yaml/documents.ts';
import type { YamlDocument } from './yaml/documents.ts';

/** An object as it was declared, checked to have an identity. */
export interface Declared {
  body: KubeObject;
  origin: Origin;
  /** For messages: `apps/web.yaml:12` or `apps/web.yaml`. */
  place: string;
  /** Where its file is among those of the build, where that is not the origin's path: files from elsewhere are called by their address. */
  file?: string;
  /** What messages call it where a secret may stand in any field of it: then no value of it is shown (I8). Absent: its own name. */
  told?: string;
}

/**
 * The objects of one file's documents: empty documents skipped, lists (`kind: List`, `ConfigMapList`) taken apart, as kustomize does.
 * @throws PlumbError `build-failed` for what is no Kubernetes object.
 */
export function declaredIn(path: string, documents: readonly YamlDocument[]): Declared[] {
  const found: Declared[] = [];
  for (const { value, index, line } of documents) {
    const place = `${path}:${line}`;
    for (const item of singleItems(value, place))
      found.push({ body: toObject(item, place), origin: { path, document: index }, place });
  }
  return found;
}

/**
 * What one document declares: nothing, one object or those of a list, in its order.
 * @throws PlumbError `build-failed` for more of them than the bounds allow
 */
export function singleItems(value: Json, place: string): Json[] {
  const found: Json[] = [];
  const queue: Json[] = [value];
  for (let at = 0; at < queue.length; at += 1) {
    const item = queue[at] ?? null;
    if (item === null || (isObject(item) && Object.keys(item).length === 0)) continue;
    const items = listItems(item, place);
    if (items === null) found.push(item);
    else queue.push(...items);
    if (queue.length > limits.objects) throw buildError(place, `a list of more than ${limits.objects} objects`);
  }
  return found;
}

/** The items of a list, or null for a single object. */
function listItems(value: Json, place: string): Json[] | null {
  if (!isObject(value) || typeof value['kind'] !== 'string' || !value['kind'].endsWith('List')) return null;
  if (!Object.hasOwn(value, 'items')) return null;
  const items = value['items'] ?? [];
  if (!Array.isArray(items)) throw buildError(place, `items of a ${value['kind']} must be a list`);
  return items;
}

/**
 * Checks what every object needs: apiVersion, kind, metadata.name, and labels that are strings.
 * @throws PlumbError `build-failed` that names the place and, where there is one, the object; with `told` it calls it that and shows no value
 */
export function toObject(value: Json, place: string, told?: string): KubeObject {
  try {
    return checked(value, place);
  } catch (error) {
    if (told === undefined) throw error;
    throw buildError(place, `${told} becomes no Kubernetes object: ${whatIsWrong(value)}`);
  }
}

/** Without a value and without a name. */
function whatIsWrong(value: Json): string {
  if (!isObject(value)) return 'it must be a map';
  const metadata = value['metadata'];
  if (typeof value['apiVersion'] !== 'string' || value['apiVersion'] === '')
    return 'apiVersion must be a text: quote it';
  if (typeof value['kind'] !== 'string' || value['kind'] === '') return 'kind must be a text: quote it';
  if (!isObject(metadata)) return 'metadata must be a map';
  if (typeof metadata['name'] !== 'string' || metadata['name'] === '') return 'metadata.name must be a text: quote it';
  if (typeof (metadata['namespace'] ?? '') !== 'string') return 'metadata.namespace must be a text: quote it';
  return 'each label and annotation must be a text: quote its value';
}

function checked(value: Json, place: string): KubeObject {
  if (!isObject(value))
    throw buildError(
      place,
      `the document is ${Array.isArray(value) ? 'a list' : `a ${typeof value}`}, not a Kubernetes object`,
    );
  for (const field of ['apiVersion', 'kind'] as const) {
    const text = value[field];
    if (typeof text !== 'string' || text === '') throw buildError(place, `${nameForPeople(value)} has no ${field}`);
  }
  const metadata = value['metadata'];
  if (!isObject(metadata)) throw buildError(place, `${nameForPeople(value)} has no metadata.name`);
  const name = metadata['name'] ?? '';
  if (name === '') throw buildError(place, `${nameForPeople(value)} has no metadata.name`);
  if (typeof name !== 'string')
    throw buildError(place, `metadata.name ${shown(name)} of the ${kindOf(value)} must be a string: quote it`);
  const namespace = metadata['namespace'] ?? '';
  if (typeof namespace !== 'string')
    throw buildError(
      place,
      `metadata.namespace ${shown(namespace)} of ${nameForPeople(value)} must be a string: quote it`,
    );
  checkLabels(metadata['labels'], nameForPeople(value), place);
  return { ...value, metadata: { ...withAnnotations(metadata, place), name } } as KubeObject;
}

/** An object's kind as far as it has one. */
export function kindOf(value: JsonObject): string {
  return typeof value['kind'] === 'string' ? value['kind'] : 'object';
}

function nameForPeople(value: JsonObject): string {
  const kind = kindOf(value);
  const metadata = value['metadata'];
  const name = isObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : '';
  return name === '' ? `the ${kind}` : `${kind}/${name}`;
}

function checkLabels(labels: Json | undefined, name: string, place: string): void {
  if (labels === undefined || labels === null) return;
  if (!isObject(labels)) throw buildError(place, `metadata.labels of ${name} must be a map`);
  for (const [label, value] of Object.entries(labels)) {
    if (typeof value !== 'string' && value !== null)
      throw buildError(place, `label ${shown(label)} of ${name} must be a string: quote its value`);
  }
}

/** Annotations as kustomize leaves them: strings, no empty map. */
function withAnnotations(metadata: JsonObject, place: string): JsonObject {
  const annotations = metadata['annotations'];
  if (annotations === undefined) return metadata;
  const { annotations: _dropped, ...rest } = metadata;
  if (annotations === null) return rest;
  if (!isObject(annotations)) throw buildError(place, 'metadata.annotations must be a map');
  const entries = Object.entries(annotations).map(([key, value]) => [key, asText(key, value, place)]);
  return entries.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(entries) };
}

function asText(key: string, value: Json, place: string): string {
  if (value === null) return '';
  if (typeof value === 'object') throw buildError(place, `annotation ${shown(key)} must be a string: quote its value`);
  return String(value);
}
