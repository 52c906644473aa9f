import { parseApiVersion } from '@plumb/api';
import type { KubeObject, Selector } from '@plumb/api';
import { RE2JS } from 're2js';
import { parseLabelSelector } from './label-selector.ts';
import type { LabelSelector } from './label-selector.ts';

export type ObjectSelector = (object: KubeObject) => boolean;

/** Something that keeps a selector from being used, and the field it is in. */
export interface SelectorFlaw {
  field: keyof Selector;
  message: string;
}

const PATTERNS = ['group', 'version', 'kind', 'namespace', 'name'] as const;
type PatternField = (typeof PATTERNS)[number];

/** Characters of a pattern or a selector: far more than the names of a cluster need, and few enough to be quick whatever they say. */
const LONGEST = 1_024;

/**
 * Compiles kustomize's selector. Group, version, kind, namespace and name are regular expressions in Go's syntax that must fit the whole
 * text (kustomize api/types/selector.go); an empty one fits everything. They are matched in time linear in the text.
 */
export function compileSelector(selector: Selector): ObjectSelector | SelectorFlaw {
  const tests: ObjectSelector[] = [];
  for (const field of PATTERNS) {
    const test = compilePattern(field, selector[field] ?? '');
    if (typeof test === 'string') return { field, message: test };
    if (test !== null) tests.push(test);
  }
  for (const field of ['labelSelector', 'annotationSelector'] as const) {
    const matches = compileLabels(selector[field] ?? '');
    if (typeof matches === 'string') return { field, message: matches };
    const map = field === 'labelSelector' ? 'labels' : 'annotations';
    tests.push(({ metadata }) => matches(metadata[map] ?? {}));
  }
  return (object) => tests.every((test) => test(object));
}

function compilePattern(field: PatternField, pattern: string): ObjectSelector | string | null {
  if (pattern === '') return null;
  if (pattern.length > LONGEST) return `must have at most ${LONGEST} characters`;
  try {
    const expression = RE2JS.compile(`^(?:${pattern})$`);
    const known = new Map<string, boolean>();
    return (object) => {
      const text = textOf(field, object);
      const fits = known.get(text) ?? expression.matcher(text).find();
      // Names differ, the others repeat themselves.
      if (field !== 'name') known.set(text, fits);
      return fits;
    };
  } catch (error) {
    return `must be a regular expression in Go's syntax: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function textOf(field: PatternField, { apiVersion, kind, metadata }: KubeObject): string {
  if (field === 'kind') return kind;
  if (field === 'name') return metadata.name;
  return field === 'namespace' ? (metadata.namespace ?? '') : parseApiVersion(apiVersion)[field];
}

function compileLabels(text: string): LabelSelector | string {
  if (text.length > LONGEST) return `must have at most ${LONGEST} characters`;
  const parsed = parseLabelSelector(text);
  return typeof parsed === 'string' ? `must be a label selector: ${parsed}` : parsed;
}
