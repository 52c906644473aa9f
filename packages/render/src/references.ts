import type { Json, JsonObject } from '@plumb/api';
import type { SopsFormat } from '@plumb/engine';
import { formatOf } from './encrypted.ts';
import { shown } from './errors.ts';
import type { FieldName, Kustomization } from './kustomization.ts';
import { isObject } from './yaml/documents.ts';

/**
 * What may stand at a reference. `patch` and `plugin` are files or inline text, `plugin` may be a folder too; `data` is a file
 * whose name becomes a key of the generated object, `variables` one of lines `key=value`; a `file` is YAML.
 */
export type ReferenceKind = 'resource' | 'component' | 'file' | 'data' | 'variables' | 'patch' | 'plugin';

/** One entry of a kustomization that names a file or folder. */
export interface Reference {
  kind: ReferenceKind;
  /** `resources[2]`, `patches[0].path` */
  entry: string;
  value: string;
  /** What its file may be encrypted as, which the entry says. */
  encrypted?: SopsFormat;
}

/** How a message names it. An address may hold what is not for everybody's eyes. */
export function named({ entry, value }: Pick<Reference, 'entry' | 'value'>): string {
  return `${entry} ${shown(shownAddress(value))}`;
}

const OPTIONS = new Set(['ref', 'version', 'timeout', 'submodules']);

/** An address without credentials, and without a query other than kustomize's own. */
export function shownAddress(address: string): string {
  const mark = /^[a-z][a-z\d+.:-]*\/\//i.test(address) ? address.indexOf('?') : -1;
  const [path, query] = mark < 0 ? [address, ''] : [address.slice(0, mark), address.slice(mark)];
  const isPlain = [...new URLSearchParams(query).keys()].every((key) => OPTIONS.has(key));
  return path.replace(/\/\/[^/\s]*@/, '//***@') + (isPlain ? query : '?***');
}

/** Answers a reference with the text to put in its place (most often the same). */
export type Follow = (reference: Reference) => Promise<string>;

type Step = {
  field: FieldName;
  kind: ReferenceKind;
  inside?: readonly string[];
  /** Whose file may be encrypted: as what, by the entry's text. */
  encrypted?: (value: string) => SopsFormat;
};

/** A patch may be inline, and is then no file. */
const byName = (value: string): SopsFormat => formatOf(value);
/** `key=file` goes by the key. */
const byKey = (value: string): SopsFormat => formatOf(value.split('=', 1)[0] ?? '');
/** What names no other format holds variables. */
const asVariables = (value: string): SopsFormat => {
  const format = formatOf(value);
  return format === 'binary' ? 'dotenv' : format;
};

/** Where each field names files: items are text, or objects with these fields (text or lists of text) in them. */
const lists: readonly Step[] = [
  { field: 'resources', kind: 'resource' },
  { field: 'bases', kind: 'resource' },
  { field: 'components', kind: 'component' },
  { field: 'crds', kind: 'file' },
  { field: 'configurations', kind: 'file' },
  { field: 'patchesStrategicMerge', kind: 'patch', encrypted: byName },
  { field: 'generators', kind: 'plugin' },
  { field: 'transformers', kind: 'plugin' },
  { field: 'validators', kind: 'plugin' },
  { field: 'patches', kind: 'file', inside: ['path'], encrypted: byName },
  { field: 'patchesJson6902', kind: 'file', inside: ['path'], encrypted: byName },
  { field: 'replacements', kind: 'file', inside: ['path'] },
  { field: 'configMapGenerator', kind: 'data', inside: ['files'] },
  { field: 'configMapGenerator', kind: 'variables', inside: ['envs', 'env'] },
  { field: 'secretGenerator', kind: 'data', inside: ['files'], encrypted: byKey },
  { field: 'secretGenerator', kind: 'variables', inside: ['envs', 'env'], encrypted: asVariables },
];

/** The fields of kustomize's own plugins that name files, relative to the kustomization that uses them. */
const pluginLists: readonly { names: readonly string[]; kind: ReferenceKind }[] = [
  { names: ['path', 'paths'], kind: 'file' },
  { names: ['envs', 'env'], kind: 'variables' },
  { names: ['files'], kind: 'data' },
];

/** Visits every reference of a kustomization and gives the kustomization with the answers in place. */
export async function followReferences(kustomization: Kustomization, asked: Follow): Promise<Kustomization> {
  const result: Kustomization = { ...kustomization };
  for (const { field, kind, inside, encrypted } of lists) {
    const items = result[field];
    if (!Array.isArray(items)) continue;
    const follow: Follow = (reference) =>
      asked(encrypted === undefined ? reference : { ...reference, encrypted: encrypted(reference.value) });
    const replaced: Json[] = [];
    for (const [index, item] of items.entries()) {
      const entry = `${field}[${index}]`;
      if (inside !== undefined) replaced.push(await inObject(item, entry, { names: inside, kind }, follow));
      else replaced.push(typeof item === 'string' ? await follow({ kind, entry, value: item }) : item);
    }
    result[field] = replaced;
  }
  const openapi = result.openapi;
  if (openapi !== undefined)
    result.openapi = await inObject(openapi, 'openapi', { names: ['path'], kind: 'file' }, asked);
  return result;
}

/** Visits the references of a builtin plugin's configuration. */
export async function followPlugin(config: JsonObject, entry: string, follow: Follow): Promise<JsonObject> {
  let result: Json = config;
  for (const fields of pluginLists) result = await inObject(result, entry, fields, follow);
  const replacements = config['replacements'];
  if (!Array.isArray(replacements) || !isObject(result)) return isObject(result) ? result : config;
  const followed: Json[] = [];
  for (const [index, item] of replacements.entries()) {
    followed.push(await inObject(item, `${entry} replacements[${index}]`, { names: ['path'], kind: 'file' }, follow));
  }
  return { ...result, replacements: followed };
}

async function inObject(
  item: Json,
  entry: string,
  fields: { names: readonly string[]; kind: ReferenceKind },
  follow: Follow,
): Promise<Json> {
  if (!isObject(item)) return item;
  const result: JsonObject = { ...item };
  for (const name of fields.names) {
    const value = item[name];
    if (typeof value === 'string' && value !== '') {
      result[name] = await follow({ kind: fields.kind, entry: `${entry}.${name}`, value });
    } else if (Array.isArray(value)) {
      const followed: Json[] = [];
      for (const [index, part] of value.entries()) {
        const at = `${entry}.${name}[${index}]`;
        followed.push(typeof part === 'string' ? await follow({ kind: fields.kind, entry: at, value: part }) : part);
      }
      result[name] = followed;
    }
  }
  return result;
}
