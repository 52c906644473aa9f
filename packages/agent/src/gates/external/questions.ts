import { asPlumbError, parseJson, printJson, type ExternalRule, type Json } from '@plumb/api';
import {
  askedExpression,
  externalName,
  isAbout,
  policyId,
  questionOf,
  readVerdict,
  refusedBy,
  type Cause,
  type ChangeFacts,
  type ExternalAnswer,
  type ExternalQuestion,
  type Findings,
  type PolicyFacts,
} from '@plumb/core';
import type { CelExpression, Engine } from '@plumb/engine';
import { findingKey } from '../content.ts';
import { DEADLINE, knownOf, unknownIn, VARIABLES } from '../expressions.ts';

/** What expressions over an answer know. */
export const ANSWER_VARIABLES = ['response', 'change', 'unit', 'source'] as const;

/** A rule that governs a change, and what it asks of its system. */
export interface Asked {
  /** Under which what it finds is kept (`findingKey`). */
  id: string;
  policy: string;
  namespace: string;
  rule: ExternalRule;
  /** Of the issue or change request; empty where it is about something else. */
  key: string;
  question: ExternalQuestion;
}

/** The rules on other systems that govern a change. */
function externalRules(
  policies: readonly PolicyFacts[],
  occasion: { cause: Cause; isEmergency: boolean },
): { policy: PolicyFacts; rule: ExternalRule; id: string }[] {
  return policies.flatMap((policy) =>
    (policy.spec.external ?? [])
      .filter(({ causes }) => isAbout(causes, occasion))
      .map((rule) => ({ policy, rule, id: findingKey(policyId(policy), externalName(rule)) })),
  );
}

/** What is evaluated before a rule can ask: one expression or none. */
export function askedBy(rule: ExternalRule): CelExpression[] {
  const asked = askedExpression(rule);
  if (asked === null) return [];
  const { expression, isText } = asked;
  return [isText ? { expression, string: true } : { expression, json: true }];
}

interface Evaluating {
  engine: Pick<Engine, 'celEval'>;
  signal: AbortSignal;
}

/** What policies ask other systems about a change; and, of rules that cannot ask, why. Rules about emergencies alone ask in one only. */
export async function questionsOf(
  policies: readonly PolicyFacts[],
  change: ChangeFacts,
  evaluating: Evaluating & { isEmergency: boolean },
): Promise<{ asked: Asked[]; found: Map<string, Findings> }> {
  const rules = externalRules(policies, { cause: change.cause, isEmergency: evaluating.isEmergency });
  const given = await askedTexts(
    rules.map(({ rule }) => rule),
    change,
    evaluating,
  );
  const asked: Asked[] = [];
  const found = new Map<string, Findings>();
  for (const [index, { policy, rule, id }] of rules.entries()) {
    const text = given[index] ?? null;
    if (text !== null && typeof text === 'object') {
      found.set(id, text);
      continue;
    }
    const question = questionOf(rule, change, text);
    if ('waits' in question) found.set(id, question);
    else {
      const key = rule.webhook === undefined ? (text ?? '') : '';
      asked.push({ id, policy: policyId(policy), namespace: policy.namespace, rule, key, ...question });
    }
  }
  return { asked, found };
}

/** Of each rule what its expression gives, null where it has none, or why it gives nothing. */
async function askedTexts(
  rules: readonly ExternalRule[],
  change: ChangeFacts,
  { engine, signal }: Evaluating,
): Promise<(string | null | { trouble: string })[]> {
  const all = rules.map(askedExpression);
  const expressions = rules.flatMap(askedBy);
  if (expressions.length === 0) return all.map(() => null);
  const json = printJson({ object: null, oldObject: null, ...knownOf(change, { listsObjects: true }) });
  const inputs = expressions.map((_one, expression) => ({ expression, json, budget: expression }));
  const mode = { kind: 'policy', variables: VARIABLES } as const;
  try {
    const results = await engine.celEval({ mode, expressions, inputs, deadline: DEADLINE, signal });
    let at = 0;
    return all.map((one) => {
      if (one === null) return null;
      const result = results[at++];
      if (result !== undefined && 'text' in result) return result.text;
      const trouble = result !== undefined && 'error' in result ? result.error : 'no answer';
      return { trouble: unknownIn(one.expression, change) ?? trouble };
    });
  } catch (error) {
    signal.throwIfAborted();
    const trouble = asPlumbError(error).message;
    return all.map((one) => (one === null ? null : { trouble }));
  }
}

/** What a webhook's expression makes of an answer. */
export async function judgeWebhook(
  rule: ExternalRule,
  { answer, change, at }: { answer: ExternalAnswer; change: ChangeFacts; at: number },
  { engine, signal }: Evaluating,
): Promise<Findings> {
  const refused = refusedBy(answer);
  if (refused !== null) return { trouble: refused };
  const { expression = '', messageExpression } = rule.webhook ?? {};
  const response = { ...answer, body: bodyOf(answer.body) };
  const json = printJson({ response, ...knownOf(change, { listsObjects: true }) });
  const expressions: CelExpression[] = [expression];
  if (messageExpression !== undefined) expressions.push({ expression: messageExpression, string: true });
  const inputs = expressions.map((_one, place) => ({ expression: place, json }));
  const mode = { kind: 'policy', variables: ANSWER_VARIABLES } as const;
  try {
    const [verdict, told] = await engine.celEval({ mode, expressions, inputs, deadline: DEADLINE, signal });
    if (verdict === undefined || !('value' in verdict)) {
      const trouble = verdict !== undefined && 'error' in verdict ? verdict.error : 'nothing came of its expression';
      return { trouble: unknownIn(expression, change) ?? trouble };
    }
    const message = told !== undefined && 'text' in told ? told.text : '';
    return readVerdict(rule, { holds: verdict.value, message, at, status: answer.status });
  } catch (error) {
    signal.throwIfAborted();
    return { trouble: asPlumbError(error).message };
  }
}

/** What is no JSON is a text. */
function bodyOf(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
