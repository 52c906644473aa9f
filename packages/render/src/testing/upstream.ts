import { posix } from 'node:path';
import { parseJson } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Bundle } from '../bundle.ts';
import type { BuildSpec } from '../renderer.ts';
import type { Files } from './memory-artifact.ts';

/**
 * What upstream's kustomize makes of a folder as it is: nothing is generated, followed, rewritten or left out on the way. Only symlinks,
 * which the helper has not, are replaced by what they lead to.
 * @throws EngineError when kustomize refuses.
 */
export async function upstreamBuild(engine: Engine, files: Files, path: string): Promise<KubeObject[]> {
  const tree = withoutLinks(files);
  const sent = [...tree].map(([name, content]) => ({ path: name, content }));
  const { objects } = await engine.kustomizeBuild({ files: sent, path: posix.normalize(path), deadline: 10_000 });
  return objects.map(({ json }) => parseJson(json) as KubeObject);
}

/** What Flux does to the objects after the build: metadata of the spec, here with the owner's labels last. */
export function withCommonMetadata(objects: readonly KubeObject[], spec: BuildSpec): KubeObject[] {
  const { labels = {}, annotations = {} } = spec.commonMetadata ?? {};
  return objects.map((object) => {
    const metadata = structuredClone(object.metadata);
    for (const [key, value] of Object.entries({ ...labels, ...spec.ownerLabels }))
      metadata.labels = { ...metadata.labels, [key]: value };
    for (const [key, value] of Object.entries(annotations))
      metadata.annotations = { ...metadata.annotations, [key]: value };
    return { ...object, metadata };
  });
}

/** Objects by their names, for a comparison that does not depend on their order. */
export function byName(objects: readonly KubeObject[]): Record<string, KubeObject> {
  const named = objects.map((object): [string, KubeObject] => {
    const { namespace = '', name } = object.metadata;
    return [`${object.apiVersion}/${object.kind} ${namespace}/${name}`, object];
  });
  const sorted = Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
  if (Object.keys(sorted).length < objects.length) throw new Error('two objects have one name');
  return sorted;
}

export function bodies(bundle: Bundle): KubeObject[] {
  return bundle.objects.map(({ body }) => body);
}

const encoder = new TextEncoder();

/** A copy of the tree in which every symlink is what it leads to. */
function withoutLinks(files: Files): Map<string, Uint8Array> {
  const plain = new Map<string, Uint8Array>();
  const links: [string, string][] = [];
  for (const [path, value] of Object.entries(files)) {
    if (typeof value === 'string') plain.set(path, encoder.encode(value));
    else if (value instanceof Uint8Array) plain.set(path, value);
    else links.push([path, posix.join(posix.dirname(path), value.link)]);
  }
  // A link may lead through other links: each round copies what the last one made real.
  for (const _round of links) {
    for (const [path, target] of links) copy(plain, target, path);
  }
  return plain;
}

/** What stands at a path, and below it, stands at another too. */
function copy(files: Map<string, Uint8Array>, from: string, to: string): void {
  const found = [...files].filter(([path]) => path === from || path.startsWith(`${from}/`));
  for (const [path, content] of found) files.set(`${to}${path.slice(from.length)}`, content);
}
