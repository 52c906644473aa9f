import { displayKey, type JsonObject, type KubeObject, type ObjectKey, type PolicySpec } from '@plumb/api';
import {
  forbiddenLine,
  imageProblem,
  imagesOf,
  isAbout,
  policyId,
  type Cause,
  type ChangeFacts,
  type Findings,
  type PolicyFacts,
} from '@plumb/core';
import { printYaml } from '@plumb/render';

/** An object of a change as it is to be applied. */
export interface Content {
  key: ObjectKey;
  body: KubeObject;
  /** The file or template it came from; empty where nobody knows. */
  path: string;
  /** JSON pointers of the fields that are left to others once the object exists. */
  ignored?: readonly string[];
  /** What it is beside an object that is applied: `hook: pre-upgrade`, `definition`. */
  role?: string;
}

type Rule<Name extends 'forbid'> = NonNullable<PolicySpec[Name]>[number];

/** The name under which what a rule found is kept. */
export function findingKey(policy: string, rule: string): string {
  return `${policy} ${rule}`;
}

/** Whether it is an emergency shows only when the approvals are looked at. */
function isOwn(causes: Cause[] | undefined, { cause }: Pick<ChangeFacts, 'cause'>): boolean {
  return isAbout(causes, { cause, isEmergency: true });
}

/** Whether a policy has rules that read the objects themselves, beside expressions. */
export function readsContent({ spec }: PolicyFacts, change: ChangeFacts): boolean {
  const { forbid = [], images } = spec;
  return forbid.some(({ causes }) => isOwn(causes, change)) || (images !== undefined && isOwn(images.causes, change));
}

/** What the rules of policies over text and images find in the objects of a change. Pure, but for what it is given. */
export function readContent(
  policies: readonly PolicyFacts[],
  change: ChangeFacts,
  contents: readonly Content[],
): Map<string, Findings> {
  const found = new Map<string, Findings>();
  const texts = contents.map(({ body }) => printYaml(body));
  for (const policy of policies.filter((one) => readsContent(one, change))) {
    const id = policyId(policy);
    const { forbid = [], images } = policy.spec;
    for (const rule of forbid.filter(({ causes }) => isOwn(causes, change))) {
      found.set(findingKey(id, `forbid/${rule.name}`), forbiddenIn(rule, contents, texts));
    }
    if (images !== undefined && isOwn(images.causes, change)) {
      found.set(findingKey(id, 'images'), { broken: contents.flatMap((content) => badImages(images, content)) });
    }
  }
  return found;
}

/** Where a forbidden text stands. What it is is not told: it may well be a secret. */
function forbiddenIn(
  { name, pattern, message }: Rule<'forbid'>,
  contents: readonly Content[],
  texts: readonly string[],
): Findings {
  const broken: string[] = [];
  for (const [index, { key, path }] of contents.entries()) {
    const line = forbiddenLine(pattern, texts[index] ?? '');
    if (line === null) continue;
    if (typeof line === 'object') return { trouble: `${displayKey(key)}: ${line.trouble}` };
    const file = path === '' ? '' : ` from ${path}`;
    const place = `${displayKey(key)}${file}, in line ${line} of the object`;
    broken.push(`${place}: ${message ?? `has what ${name} forbids`}`);
  }
  return { broken };
}

function badImages(rule: NonNullable<PolicySpec['images']>, { key, body }: Content): string[] {
  return imagesOf(body as unknown as JsonObject).flatMap((image) => {
    const problem = imageProblem(rule, image);
    return problem === null ? [] : [`${displayKey(key)}: ${problem}`];
  });
}
