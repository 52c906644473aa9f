import type { LockdownSpec, PolicySpec } from '@plumb/api';
import { externalName } from '@plumb/core';
import type { CelExpression, Engine } from '@plumb/engine';
import { VARIABLES } from './expressions.ts';
import { ANSWER_VARIABLES, askedBy } from './external/questions.ts';

const DEADLINE = 10_000;

/** The rules of a policy or of a lockdown. */
type Ruled = { spec: Pick<PolicySpec, 'approvals' | 'external'> & Pick<LockdownSpec, 'checks'> };

/** What is wrong with the expressions of a policy or lockdown, where they are read before anything is judged; null where nothing is. */
export async function expressionFlaw(facts: Ruled, engine: Pick<Engine, 'celCheck'>): Promise<string | null> {
  const { ofChange, ofAnswer } = expressionsIn(facts);
  return (await firstFlaw(ofChange, VARIABLES, engine)) ?? (await firstFlaw(ofAnswer, ANSWER_VARIABLES, engine));
}

async function firstFlaw(
  all: readonly Placed[],
  variables: readonly string[],
  engine: Pick<Engine, 'celCheck'>,
): Promise<string | null> {
  if (all.length === 0) return null;
  const problems = await engine.celCheck({
    mode: { kind: 'policy', variables },
    expressions: all.map(({ expression }) => expression),
    deadline: DEADLINE,
  });
  const at = problems.findIndex((problem) => problem !== null);
  return at < 0 ? null : `${all[at]?.where ?? ''}: ${problems[at] ?? ''}`;
}

interface Placed {
  where: string;
  expression: CelExpression;
}

/** What a policy evaluates over a change, and over what another system answers. */
function expressionsIn({ spec }: Ruled): { ofChange: Placed[]; ofAnswer: Placed[] } {
  const { checks = [], approvals = [], external = [] } = spec;
  const text = (where: string, expression: string | undefined): Placed[] =>
    expression === undefined ? [] : [{ where, expression: { expression, string: true } }];
  const ofChange = [
    ...checks.flatMap(({ name, expression, messageExpression }) => [
      { where: `checks/${name}`, expression },
      ...text(`checks/${name}`, messageExpression),
    ]),
    ...approvals.flatMap(({ name, when }) =>
      when === undefined ? [] : [{ where: `approvals/${name}`, expression: when }],
    ),
    ...external.flatMap((rule) => askedBy(rule).map((expression) => ({ where: externalName(rule), expression }))),
  ];
  const ofAnswer = external.flatMap((rule) => {
    const { expression, messageExpression } = rule.webhook ?? {};
    const where = externalName(rule);
    return expression === undefined ? [] : [{ where, expression }, ...text(where, messageExpression)];
  });
  return { ofChange, ofAnswer };
}
