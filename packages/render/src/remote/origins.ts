import { printJson, type Json, type JsonObject, type KubeObject } from '@plumb/api';
import { relative } from '../paths.ts';
import { isObject, parseDocuments } from '../yaml/documents.ts';
import { resolvePlain11 } from '../yaml/scalar.ts';
import type { Sites } from './sites.ts';

const ANNOTATIONS = ['config.kubernetes.io/origin', 'alpha.config.kubernetes.io/transformations'];
const PATHS = ['path', 'configuredIn'];

/**
 * Says in an object's build annotations what kustomize says of remote bases: repository, ref and path there. The helper saw them as
 * folders. `dir` is the folder that was built.
 */
export function restoreOrigins(body: KubeObject, sites: Sites, dir: string): KubeObject {
  const { annotations } = body.metadata;
  if (annotations === undefined || !ANNOTATIONS.some((name) => annotations[name]?.includes('.remote-bases/')))
    return body;
  const restored = { ...annotations };
  for (const name of ANNOTATIONS) {
    const text = annotations[name];
    if (text !== undefined) restored[name] = restoredText(text, (path) => provenanceFrom(path, sites, dir));
  }
  return { ...body, metadata: { ...body.metadata, annotations: restored } };
}

type Find = (path: string) => { repo: string; ref: string; path: string } | null;

function provenanceFrom(path: string, sites: Sites, dir: string): ReturnType<Find> {
  const found = sites.provenance(resolved(dir, path));
  if (found === null || found.repo !== '') return found;
  return { ...found, path: relative(dir, found.path) };
}

function restoredText(text: string, find: Find): string {
  const [document] = parseDocuments('annotation', Buffer.from(text));
  const value = document?.value ?? null;
  if (Array.isArray(value)) return value.map((item) => printed(restoredItem(item, find), '- ')).join('');
  return printed(restoredItem(value, find), '');
}

function restoredItem(item: Json, find: Find): JsonObject {
  if (!isObject(item)) return {};
  for (const field of PATHS) {
    const path = item[field];
    const found = typeof path === 'string' ? find(path) : null;
    if (found === null) continue;
    const { repo, ref } = found;
    const { [field]: _path, ...rest } = item;
    const from = { ...(repo === '' ? {} : { repo }), ...(ref === '' ? {} : { ref }) };
    return field === 'path' ? { path: found.path, ...from, ...rest } : { ...from, [field]: found.path, ...rest };
  }
  return item;
}

/** As kustomize prints them: fields in their order, two blanks a level. */
function printed(value: JsonObject, bullet: string, indent = ' '.repeat(bullet.length)): string {
  const lines = Object.entries(value).map(([key, field], index) => {
    const start = `${index === 0 ? bullet : indent}${key}:`;
    if (isObject(field)) return `${start}\n${printed(field, `${indent}  `)}`;
    return `${start} ${scalar(typeof field === 'string' ? field : printJson(field))}\n`;
  });
  return lines.join('');
}

/** Quoted where it would be read as something other than this text. */
function scalar(text: string): string {
  const isPlain = /^[\w./:@+-]+$/.test(text) && !text.endsWith(':') && resolvePlain11(text) === text;
  return isPlain ? text : JSON.stringify(text);
}

function resolved(dir: string, path: string): string {
  const steps = dir === '' ? [] : dir.split('/');
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  return steps.join('/');
}
