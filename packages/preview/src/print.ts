import { compareForApply } from '@plumb/core';
import { printYaml } from '@plumb/render';
import type { Built } from './build.ts';

/** The objects of a build in apply order, as one YAML stream, secrets masked. */
export function printBuilt({ bundle, secrets }: Pick<Built, 'bundle' | 'secrets'>): string {
  const objects = bundle.objects.toSorted((a, b) => compareForApply(a.key, b.key));
  return objects.map((desired) => `---\n${printYaml(inOrder(secrets.masked(desired)))}`).join('');
}

const FIRST = ['apiVersion', 'kind', 'metadata'];

/** As people write manifests: what it is comes first. */
function inOrder(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const rest = Object.keys(object).filter((field) => !FIRST.includes(field));
  return Object.fromEntries([...FIRST, ...rest].map((field) => [field, object[field]]));
}
