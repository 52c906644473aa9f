import { asPlumbError, type Json, type KubeObject } from '@plumb/api';
import { readDocuments } from '@plumb/render';
import type { Tree } from '@plumb/sources';

/** An object as a file of a repository has it. */
export interface DeclaredObject {
  object: KubeObject;
  /** The file, in the repository. */
  path: string;
}

export interface DeclaredFiles {
  objects: DeclaredObject[];
  /** Files that cannot be read, a sentence each. */
  notes: string[];
}

const YAML = /\.ya?ml$/;

/**
 * Every object in the YAML files of a folder and all below it. What is no object is passed over, and so are the folders of charts, whose files are templates.
 * @param folder in the repository; empty: all of it
 */
export async function declaredIn(tree: Tree, folder: string): Promise<DeclaredFiles> {
  const paths = await filesBelow(tree, folder);
  const contents = await tree.readAll(paths);
  const found: DeclaredFiles = { objects: [], notes: [] };
  for (const [index, path] of paths.entries()) {
    try {
      const objects = objectsIn(path, contents[index] ?? new Uint8Array());
      found.objects.push(...objects.map((object) => ({ object, path })));
    } catch (error) {
      found.notes.push(`${path} is left out, for it cannot be read: ${asPlumbError(error).message}`);
    }
  }
  return found;
}

/** The objects of a file that may hold other things too. @throws PlumbError for what is no YAML */
export function objectsIn(path: string, content: Uint8Array): KubeObject[] {
  return readDocuments(path, content).filter(isObject);
}

async function filesBelow(tree: Tree, folder: string): Promise<string[]> {
  const entries = (await tree.entries(folder)) ?? [];
  if (entries.some(({ name }) => name === 'Chart.yaml')) return [];
  const at = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
  const found: string[] = [];
  for (const { name, type } of entries) {
    if (type === 'directory') found.push(...(await filesBelow(tree, at(name))));
    else if (type !== 'commit' && type !== 'link' && YAML.test(name)) found.push(at(name));
  }
  return found;
}

function isObject(document: Json): document is Json & KubeObject {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return false;
  const { apiVersion, kind, metadata } = document;
  const isNamed = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  return typeof apiVersion === 'string' && typeof kind === 'string' && isNamed && typeof metadata['name'] === 'string';
}
