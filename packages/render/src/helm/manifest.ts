import type { KubeObject } from '@plumb/api';
import type { HelmText } from '@plumb/engine';
import { paced } from '../pace.ts';
import { printYaml } from '../yaml/print.ts';
import type { ChartObject } from './chart-objects.ts';

/** An object as YAML, its keys sorted as kustomize leaves them. */
export function printObject(body: KubeObject): string {
  if (body.metadata.name !== '') return printYaml(body, { sortKeys: true });
  const { name: _name, ...metadata } = body.metadata;
  return printYaml({ ...body, metadata }, { sortKeys: true });
}

/** The text that a release record holds. */
export async function printManifest(objects: readonly ChartObject[]): Promise<string> {
  const turn = paced({});
  let text = '';
  for (const { path, body } of objects) {
    text += `---\n# Source: ${oneLine(path)}\n${printObject(body)}`;
    await turn(path);
  }
  return text;
}

/** A file may have any name; here it must stay in its comment. */
function oneLine(path: string): string {
  return path.replaceAll(/[\r\n\u0085\u2028\u2029]+/g, ' ');
}

const separator = /^---[ \t]*(?:#.*)?\r?$/m;
const source = /^\s*# Source: ([^\r\n]+)/;

/** The documents of a stored manifest. What does not say where it came from is called by its place. */
export function splitManifest(manifest: string): HelmText[] {
  return manifest.split(separator).flatMap((text, index) => {
    if (text.trim() === '') return [];
    return [{ path: source.exec(text)?.[1] ?? `manifest, document ${index}`, text }];
  });
}
