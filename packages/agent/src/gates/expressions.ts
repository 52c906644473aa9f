import {
  asPlumbError,
  displayKey,
  printJson,
  type ApprovalRule,
  type JsonObject,
  type KubeObject,
  type PolicyCheck,
} from '@plumb/api';
import {
  isAbout,
  lockdownRules,
  policyId,
  whenRule,
  type Cause,
  type ChangeFacts,
  type Findings,
  type LockdownFacts,
  type PolicyFacts,
} from '@plumb/core';
import type { CelInput, Engine } from '@plumb/engine';
import { findingKey, type Content } from './content.ts';
import { valuesIn, withoutPieces } from './secret-pieces.ts';

/** What expressions know. */
export const VARIABLES = ['object', 'oldObject', 'change', 'unit', 'source'] as const;
/** Milliseconds that expressions may take together. */
export const DEADLINE = 10_000;

export interface ExpressionRequest {
  policies: readonly PolicyFacts[];
  lockdowns: readonly LockdownFacts[];
  change: ChangeFacts;
  contents: () => Promise<readonly Content[]>;
  /** The object as it is now; null for one that is not there. */
  live: (content: Content) => Promise<KubeObject | null>;
  /** Texts that must not be told, beside what Secrets among the contents hold. */
  secrets?: readonly string[];
  /** What an object was before may have been made of what is in no Secret any more. */
  hidesOld?: boolean;
  engine: Pick<Engine, 'celEval'>;
  signal: AbortSignal;
}

/** What one policy or lockdown has to be evaluated. */
interface Expressions {
  id: string;
  checks: readonly PolicyCheck[];
  /** Those of approvals: needed only when they hold. */
  conditions: readonly ApprovalRule[];
}

/** One expression over one input. */
interface Run {
  /** Of the policy or lockdown it is of. */
  id: string;
  rule: string;
  check: PolicyCheck | null;
  expression: string;
  content: Content | null;
  json: string;
}

/** What the expressions of policies and lockdowns say of a change, by policy and rule. One that cannot be evaluated says why. */
export async function evaluateExpressions(request: ExpressionRequest): Promise<Map<string, Findings>> {
  const asked = expressionsOf(request).filter((one) => rulesOf(one).length > 0);
  const found = new Map<string, Findings>();
  const runs = new Map<string, Run[]>();
  const inputs = new Inputs(request);
  for (const one of asked) {
    try {
      runs.set(one.id, await runsOf(one, inputs));
    } catch (error) {
      request.signal.throwIfAborted();
      tellTrouble(one, error, found);
    }
  }
  await evaluateAll(
    asked.filter(({ id }) => runs.has(id)),
    runs,
    { request, found },
  );
  for (const { id, name, expression } of asked.flatMap(rulesOf)) {
    const key = findingKey(id, name);
    const trouble = unknownIn(expression, request.change);
    if (trouble !== null && 'trouble' in (found.get(key) ?? {})) found.set(key, { trouble });
  }
  return found;
}

/** All in one call: most of what one costs is the way there. What ends the call is one of them, and takes no other along. */
async function evaluateAll(
  asked: readonly Expressions[],
  runs: ReadonlyMap<string, Run[]>,
  { request, found }: { request: ExpressionRequest; found: Map<string, Findings> },
): Promise<void> {
  if (asked.length === 0) return;
  try {
    const findings = await evaluate(
      asked.flatMap(({ id }) => runs.get(id) ?? []),
      request,
    );
    for (const { id, name } of asked.flatMap(rulesOf)) {
      const key = findingKey(id, name);
      found.set(key, findings.get(key) ?? { broken: [] });
    }
  } catch (error) {
    request.signal.throwIfAborted();
    const [only] = asked;
    if (asked.length === 1 && only !== undefined) tellTrouble(only, error, found);
    else for (const one of asked) await evaluateAll([one], runs, { request, found });
  }
}

function tellTrouble(one: Expressions, error: unknown, found: Map<string, Findings>): void {
  const trouble = asPlumbError(error).message;
  for (const { id, name } of rulesOf(one)) found.set(findingKey(id, name), { trouble });
}

function rulesOf({ id, checks, conditions }: Expressions): { id: string; name: string; expression: string }[] {
  return [
    ...checks.map((check) => ({ id, name: `checks/${check.name}`, expression: check.expression })),
    ...conditions.map((rule) => ({ id, name: whenRule(rule), expression: rule.when ?? '' })),
  ];
}

/** Whether it is an emergency shows only when the approvals are looked at. */
function expressionsOf({ policies, lockdowns, change: { cause } }: ExpressionRequest): Expressions[] {
  const occasion = { cause, isEmergency: true };
  const isOwn = ({ causes }: { causes?: Cause[] }): boolean => isAbout(causes, occasion);
  const conditional = (rules: readonly ApprovalRule[]): ApprovalRule[] =>
    rules.filter(({ when }) => when !== undefined);
  return [
    ...policies.map((policy) => ({
      id: policyId(policy),
      checks: (policy.spec.checks ?? []).filter(isOwn),
      conditions: conditional((policy.spec.approvals ?? []).filter(isOwn)),
    })),
    ...lockdowns.map(({ name, spec }) => {
      const { checks, approvals } = lockdownRules(spec, occasion);
      return { id: `Lockdown/${name}`, checks, conditions: conditional(approvals) };
    }),
  ];
}

/** What an expression asks that nobody knows of this change, so that it fails unless it asks first whether it is there. */
export function unknownIn(expression: string, { authors, namespaceLabels }: ChangeFacts): string | null {
  if ('unknown' in authors && /\bsource\.(authors|message|verified|signer)\b/.test(expression))
    return `nobody knows whose work it is: ${authors.unknown}`;
  if (namespaceLabels === null && /\bunit\.namespaceLabels\b/.test(expression))
    return 'the labels of the namespace are not known';
  return null;
}

/** What expressions are evaluated over: policies share the texts. */
class Inputs {
  readonly #request: ExpressionRequest;
  readonly #texts = new Map<Content, { plain?: string; old?: string }>();
  #whole: string | null = null;

  constructor(request: ExpressionRequest) {
    this.#request = request;
  }

  get whole(): string {
    this.#whole ??= inputOf(this.#request.change, null, null);
    return this.#whole;
  }

  contents(): Promise<readonly Content[]> {
    return this.#request.contents();
  }

  async of(content: Content, asksOld: boolean): Promise<string> {
    const { change, live } = this.#request;
    const known = this.#texts.get(content) ?? {};
    this.#texts.set(content, known);
    if (asksOld) return (known.old ??= inputOf(change, content.body, await live(content)));
    return (known.plain ??= inputOf(change, content.body, null));
  }
}

async function runsOf({ id, checks, conditions }: Expressions, inputs: Inputs): Promise<Run[]> {
  const over = (check: PolicyCheck, content: Content | null, json: string): Run => {
    return { id, rule: `checks/${check.name}`, check, expression: check.expression, content, json };
  };
  const runs = checks.filter((check) => check.over === 'Change').map((check) => over(check, null, inputs.whole));
  for (const rule of conditions) {
    const json = inputs.whole;
    runs.push({ id, rule: whenRule(rule), check: null, expression: rule.when ?? '', content: null, json });
  }
  const single = checks.filter((check) => check.over !== 'Change');
  if (single.length === 0) return runs;
  const asksOld = single.some(({ expression, messageExpression = '' }) =>
    /\boldObject\b/.test(expression + messageExpression),
  );
  for (const content of await inputs.contents()) {
    const json = await inputs.of(content, asksOld);
    for (const check of single) runs.push(over(check, content, json));
  }
  return runs;
}

async function evaluate(runs: readonly Run[], request: ExpressionRequest): Promise<Map<string, Findings>> {
  const { engine, signal } = request;
  const results = await engine.celEval({
    ...framed(
      runs.map(({ expression }) => expression),
      runs,
    ),
    signal,
  });
  const found = new Map<string, Findings>();
  const failed: Run[] = [];
  const troubles = new Map<string, Made>();
  const hide = hiderOf(request);
  for (const [index, run] of runs.entries()) {
    const result = results[index] ?? { error: 'no answer' };
    // The error may quote what a Secret holds.
    if ('error' in result) {
      const key = findingKey(run.id, run.rule);
      // One is told of each rule.
      if (!troubles.has(key)) troubles.set(key, { text: result.error, ...run });
    } else if (!result.value) failed.push(run);
  }
  for (const [key, trouble] of await shownOf(troubles, hide)) found.set(key, { trouble });
  const messages = await messagesOf(failed, { engine, signal, hide });
  for (const [index, { id, rule, content }] of failed.entries()) {
    const key = findingKey(id, rule);
    const known = found.get(key);
    if (known !== undefined && !('broken' in known)) continue;
    const place = content === null ? '' : `${displayKey(content.key)}: `;
    found.set(key, { broken: [...(known?.broken ?? []), `${place}${messages[index] ?? ''}`] });
  }
  return found;
}

async function shownOf(troubles: ReadonlyMap<string, Made>, hide: Hider): Promise<[key: string, trouble: string][]> {
  const told = await hide([...troubles.values()]);
  return [...troubles].map(([key, { content }], index) => {
    return [key, isSecret(content) ? 'it failed on a Secret' : (told[index] ?? HIDDEN)];
  });
}

/** What to tell of each run that failed. A Secret is told of in the words of the policy only. */
async function messagesOf(
  failed: readonly Run[],
  { engine, signal, hide }: Pick<ExpressionRequest, 'engine' | 'signal'> & { hide: Hider },
): Promise<string[]> {
  const usual = failed.map(({ check, expression }) => check?.message ?? `does not hold: ${expression}`);
  const counted = new Map<string, number>();
  const asked = failed
    .map((run, index) => ({ ...run, index }))
    .filter(({ check, content }) => check?.messageExpression !== undefined && !isSecret(content))
    .filter(({ id, rule }) => {
      const key = findingKey(id, rule);
      counted.set(key, (counted.get(key) ?? 0) + 1);
      return (counted.get(key) ?? 0) <= MOST_MADE;
    });
  if (asked.length === 0) return usual;
  const texts = asked.map(({ check }) => ({ expression: check?.messageExpression ?? '', string: true as const }));
  const results = await engine.celEval({ ...framed(texts, asked), signal });
  const made = asked.flatMap(({ index, check, content }, at): (Made & { index: number })[] => {
    const result = results[at];
    if (result === undefined || !('text' in result) || result.text === '') return [];
    return [{ index, text: result.text, content, expression: check?.messageExpression ?? '' }];
  });
  const told = await hide(made);
  for (const [at, { index }] of made.entries()) usual[index] = told[at] ?? usual[index] ?? '';
  return usual;
}

const HIDDEN = 'it failed on what may hold a secret';
/** Characters of a text that an expression made; a record takes no more. */
const LONGEST_MADE = 2_048;
/** Texts that the expression of a rule makes, each of another object: fewer are told. */
const MOST_MADE = 10;

/** A text that an expression made. */
type Made = Pick<Run, 'content' | 'expression'> & { text: string };

/** Takes out of texts what is secret, now or before; null where nobody can tell what may be shown of one. */
type Hider = (made: readonly Made[]) => Promise<(string | null)[]>;

function hiderOf({ contents, live, secrets = [], hidesOld = false, signal }: ExpressionRequest): Hider {
  const read = async (): Promise<string[] | null> => {
    const own = (await contents()).filter(isSecret);
    try {
      const before = await Promise.all(own.map((content) => live(content)));
      return [...secrets, ...valuesIn([...own.map(({ body }) => body), ...before])];
    } catch {
      signal.throwIfAborted();
      return null;
    }
  };
  let known: Promise<string[] | null> | undefined;
  return async (made) => {
    // What is known of the change as a whole is of no object.
    if (made.every(({ content }) => content === null)) return made.map(({ text }) => text);
    const values = await (known ??= read());
    const cut = made.map(({ text }) => text.slice(0, LONGEST_MADE));
    const shown = values && withoutPieces(cut, values);
    return made.map(({ content, text, expression }, index) => {
      if (content === null) return text;
      if (hidesOld && /\boldObject\b/.test(expression)) return null;
      return shown?.[index] ?? null;
    });
  };
}

/** Each policy has a budget of its own for each object, as in admission. */
function framed<Expression>(expressions: readonly Expression[], runs: readonly Pick<Run, 'id' | 'json'>[]) {
  const mode = { kind: 'policy', variables: VARIABLES } as const;
  const budgets = new Map<string, Map<string, number>>();
  let count = 0;
  const budgetOf = ({ id, json }: Pick<Run, 'id' | 'json'>): number => {
    const own = budgets.get(id) ?? new Map<string, number>();
    const budget = own.get(json) ?? count++;
    budgets.set(id, own.set(json, budget));
    return budget;
  };
  const inputs = runs.map((run, expression): CelInput => ({ expression, json: run.json, budget: budgetOf(run) }));
  return { mode, expressions, inputs, deadline: DEADLINE };
}

function isSecret(content: Content | null): boolean {
  return content?.body.kind === 'Secret';
}

/** Where there is an object, the others are counted only: each would name all. */
function inputOf(change: ChangeFacts, object: KubeObject | null, oldObject: KubeObject | null): string {
  return printJson({ object, oldObject, ...knownOf(change, { listsObjects: object === null }) });
}

/** What every expression knows of a change. */
export function knownOf(facts: ChangeFacts, { listsObjects }: { listsObjects: boolean }): JsonObject {
  const { unit, source, cause, digest, objects, owned, authors, cluster, namespaceLabels } = facts;
  const count = (action: string): number => objects.filter((one) => one.action === action).length;
  const counts = { create: count('create'), change: count('change'), delete: count('delete'), owned };
  const list = objects.map(({ key, action }) => ({ ...key, action }));
  const { unknown: _why, ...work } = 'unknown' in authors ? authors : { signer: '', ...authors, unknown: '' };
  const known = {
    change: { cause, digest, counts, ...(listsObjects && { objects: list }) },
    // What is not known is left out: an empty list would say that there is nobody, and of what is null no label is there.
    unit: { ...unit, cluster, ...(namespaceLabels !== null && { namespaceLabels }) },
    source: { ...source, ...work },
  };
  return known as unknown as JsonObject;
}
