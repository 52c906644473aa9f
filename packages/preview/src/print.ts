import type { KubeObject } from '@plumb/api';
import { oneLine } from '@plumb/api';
import { compareForApply } from '@plumb/core';
import { printYaml } from '@plumb/render';
import type { Built } from './build.ts';

/** The objects of a build in apply order, as one YAML stream, secrets masked. */
export function printBuilt({ bundle, secrets }: Pick<Built, 'bundle' | 'secrets'>): string {
  const objects = bundle.objects.toSorted((a, b) => compareForApply(a.key, b.key));
  return objects.map((desired) => printObject(secrets.masked(desired))).join('');
}

/** A document of a YAML stream. @param said comments before it, a line each */
export function printObject(object: KubeObject, said: readonly string[] = []): string {
  const lines = said.map((line) => `# ${oneLine(line)}\n`).join('');
  return `---\n${lines}${printYaml(inOrder(object))}`;
}

const FIRST = ['apiVersion', 'kind', 'metadata'];
const FIRST_OF_METADATA = ['name', 'generateName', 'namespace'];

/** As people write manifests: what it is comes first. */
function inOrder(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { metadata } = object as unknown as KubeObject;
  // Of what the API server is to name, the name is empty here.
  const { name, ...unnamed } = metadata;
  return withFirst(
    { ...object, metadata: withFirst(name === '' ? unnamed : { ...metadata }, FIRST_OF_METADATA) },
    FIRST,
  );
}

function withFirst(fields: Readonly<Record<string, unknown>>, first: readonly string[]): Record<string, unknown> {
  const there = first.filter((field) => Object.hasOwn(fields, field));
  const rest = Object.keys(fields).filter((field) => !first.includes(field));
  return Object.fromEntries([...there, ...rest].map((field) => [field, fields[field]]));
}
