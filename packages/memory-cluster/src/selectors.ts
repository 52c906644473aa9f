import type { KubeObject } from '@plumb/api';

import { failure } from './failures.ts';
import type { ServedKind } from './kinds.ts';
import { isMap } from './values.ts';

export type Matcher = (object: KubeObject) => boolean;

/** Compiles the selectors of a list or watch. @throws PlumbError `api-invalid` for one that cannot be parsed */
export function matcherOf(
  kind: ServedKind,
  selection: { namespace?: string; labelSelector?: string; fieldSelector?: string },
): Matcher {
  const tests: Matcher[] = [
    ...(selection.namespace ? [(object: KubeObject) => object.metadata.namespace === selection.namespace] : []),
    ...split(selection.labelSelector).map(labelTest),
    ...split(selection.fieldSelector).map((term) => fieldTest(kind, term)),
  ];
  return (object) => tests.every((test) => test(object));
}

/** Terms are parted by commas outside parentheses. */
function split(selector: string | undefined): string[] {
  if (!selector) return [];
  return selector.split(/,(?![^(]*\))/).map((term) => term.trim());
}

function labelTest(term: string): Matcher {
  const labelOf = (object: KubeObject, name: string): string | undefined => object.metadata.labels?.[name];
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set) {
    const [, name = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return (object) => values.includes(labelOf(object, name) ?? '\0') === (operator === 'in');
  }
  const comparison = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(term);
  if (comparison) {
    const [, name = '', operator, value] = comparison;
    return (object) => (labelOf(object, name) === value) === (operator !== '!=');
  }
  const presence = /^(!?)\s*([^=!\s()]+)$/.exec(term);
  if (!presence) throw failure(400, `unable to parse requirement: ${term}`);
  const [, not, name = ''] = presence;
  return (object) => (labelOf(object, name) !== undefined) === (not === '');
}

function fieldTest(kind: ServedKind, term: string): Matcher {
  const [, path = '', operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? [];
  if (operator === undefined) throw failure(400, `invalid field selector: ${term}`);
  const known = path === 'metadata.name' || path === 'metadata.namespace' || (kind.selectable?.includes(path) ?? true);
  if (!known) throw failure(400, `field label not supported: ${path}`);
  return (object) => (fieldText(object, path) === value) === (operator !== '!=');
}

function fieldText(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const name of path.split('.')) value = isMap(value) ? value[name] : undefined;
  return value === undefined || value === null ? '' : String(value as string | number | boolean);
}
