import { setImmediate } from 'node:timers/promises';
import { displayKey, type JsonObject, type KubeObject, type ObjectKey, type PolicySpec } from '@plumb/api';
import {
  forbiddenLine,
  imageProblem,
  imagesOf,
  isAbout,
  policyId,
  searchSteps,
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

/** Most steps (`searchSteps`) of all searches in the objects of one change. */
const MOST_STEPS = 400_000_000;
/** Steps after which whatever else waits gets its turn. */
const STEPS_OF_A_TURN = 1_000_000;
const TOO_MUCH = 'all patterns together are too large for all objects of the change: make them simpler, or fewer';

/** Whoever may write a policy, or objects, must not stop the agent: not by one search, and not by many. */
class Turns {
  #all = 0;
  #turn = 0;

  /** @returns false when there was no time for so many steps */
  async take(steps: number): Promise<boolean> {
    this.#all += steps;
    this.#turn += steps;
    if (this.#turn > STEPS_OF_A_TURN) {
      this.#turn = 0;
      await setImmediate();
    }
    return this.#all <= MOST_STEPS;
  }
}

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

/** What the rules of policies over text and images find in the objects of a change. */
export async function readContent(
  policies: readonly PolicyFacts[],
  change: ChangeFacts,
  contents: readonly Content[],
): Promise<Map<string, Findings>> {
  const found = new Map<string, Findings>();
  const texts = contents.map(({ body }) => printYaml(body));
  const turns = new Turns();
  for (const policy of policies.filter((one) => readsContent(one, change))) {
    const id = policyId(policy);
    const { forbid = [], images } = policy.spec;
    for (const rule of forbid.filter(({ causes }) => isOwn(causes, change))) {
      found.set(findingKey(id, `forbid/${rule.name}`), await forbiddenIn(rule, { contents, texts, turns }));
    }
    if (images !== undefined && isOwn(images.causes, change)) {
      found.set(findingKey(id, 'images'), { broken: contents.flatMap((content) => badImages(images, content)) });
    }
  }
  return found;
}

/** Where a forbidden text stands. What it is is not told: it may well be a secret. */
async function forbiddenIn(
  { name, pattern, message }: Rule<'forbid'>,
  { contents, texts, turns }: { contents: readonly Content[]; texts: readonly string[]; turns: Turns },
): Promise<Findings> {
  const broken: string[] = [];
  for (const [index, { key, path }] of contents.entries()) {
    const text = texts[index] ?? '';
    const line = forbiddenLine(pattern, text);
    if (line !== null && typeof line === 'object') return { trouble: `${displayKey(key)}: ${line.trouble}` };
    if (!(await turns.take(searchSteps(pattern, text)))) return { trouble: TOO_MUCH };
    if (line === null) continue;
    const file = path === '' ? '' : ` from ${path}`;
    const place = `${displayKey(key)}${file}, in line ${line} of the object`;
    broken.push(`${place}: ${message ?? `has what ${name} forbids`}`);
  }
  return { broken };
}

function badImages(rule: NonNullable<PolicySpec['images']>, { key, body }: Content): string[] {
  return imagesOf(body as unknown as JsonObject, rule.fields).flatMap((image) => {
    const problem = imageProblem(rule, image);
    return problem === null ? [] : [`${displayKey(key)}: ${problem}`];
  });
}
