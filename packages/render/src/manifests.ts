import type { Json, KubeObject } from '@plumb/api';
import { declaredIn } from './declared.ts';
import { parseDocuments } from './yaml/documents.ts';

/**
 * The objects of one YAML file, read as those of a source are.
 * @throws PlumbError `build-failed` that names file and line
 */
export function readManifests(path: string, content: Uint8Array): KubeObject[] {
  return declaredIn(path, parseDocuments(path, content)).map(({ body }) => body);
}

/**
 * The documents of one YAML file, read and bounded as those of a source are.
 * @throws PlumbError `build-failed` that names file and line
 */
export function readDocuments(path: string, content: Uint8Array): Json[] {
  return parseDocuments(path, content).map(({ value }) => value);
}
