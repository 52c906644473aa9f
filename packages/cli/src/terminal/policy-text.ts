import type { PolicyReport, RuleOutcome, RuleVerdict, UnitVerdict } from '@plumb/preview';
import type { Paint } from './paint.ts';
import { visible } from './visible.ts';

const WORDS: Readonly<Record<RuleOutcome, string>> = {
  passes: 'passes',
  denied: 'denied',
  warned: 'warns',
  waits: 'waits',
  failed: 'cannot be judged',
  unknown: 'not judged here',
};

/** Of a whole unit. */
const UNIT_WORDS = { ...WORDS, unknown: 'passes as far as it can be judged here', warned: 'passes with warnings' };

const COLOURS: Readonly<Record<RuleOutcome, Parameters<Paint>[0]>> = {
  passes: 'green',
  denied: 'red',
  warned: 'yellow',
  waits: 'yellow',
  failed: 'red',
  unknown: 'dim',
};

/** From the worst. */
const ORDER: readonly RuleOutcome[] = ['denied', 'failed', 'waits', 'unknown', 'warned', 'passes'];

/** What policies say of each unit that changes, rule by rule, and what is not said. */
export function policyText(report: PolicyReport, paint: Paint): string {
  const { verdicts, unjudged, failures, notes } = report;
  const lines = [
    ...verdicts.flatMap((one) => unitLines(one, paint)),
    ...unjudged.map(({ unit, why }) => `${paint('bold', visible(unit))}: not judged here: ${visible(why)}`),
    ...failures.map(
      ({ unit, why }) => `${paint('bold', visible(unit))}: ${paint('red', 'cannot be built')}: ${visible(why)}`,
    ),
    ...notes.map((note) => paint('dim', `note: ${visible(note)}`)),
    policySummary(report),
  ];
  return `${lines.join('\n')}\n`;
}

/** Of a whole unit, and of none of its rules. */
export function outcomeOf({ rules }: Pick<UnitVerdict, 'rules'>): RuleOutcome {
  return ORDER.find((outcome) => rules.some((rule) => rule.outcome === outcome)) ?? 'passes';
}

function unitLines(verdict: UnitVerdict, paint: Paint): string[] {
  const { unit, cluster, counts, rules, notes } = verdict;
  const outcome = outcomeOf(verdict);
  const what = [`${counts.create} created`, `${counts.change} changed`, `${counts.delete} deleted`].filter(
    (text) => !text.startsWith('0 '),
  );
  const where = cluster === 'own' ? '' : ` for cluster ${cluster}`;
  const title = paint('bold', visible(`${unit.kind} ${unit.namespace}/${unit.name}${where}`));
  const head = `${title} ${paint(COLOURS[outcome], UNIT_WORDS[outcome])} (${what.join(', ')})`;
  if (rules.length === 0)
    return [head, '  no rule asks anything of it', ...notes.map((note) => `  note: ${visible(note)}`)];
  return [head, ...rules.flatMap((rule) => ruleLines(rule, paint)), ...notes.map((note) => `  note: ${visible(note)}`)];
}

function ruleLines({ policy, rule, outcome, message, places }: RuleVerdict, paint: Paint): string[] {
  const word = paint(COLOURS[outcome], WORDS[outcome].padEnd(15));
  const head = `  ${word} ${visible(rule)} in ${visible(policy)}`;
  if (places.length === 0) return outcome === 'passes' ? [head] : [`${head}: ${visible(saidOf(outcome, message))}`];
  return [head, ...places.map((place) => `    ${visible(placeText(place))}`)];
}

/** A whole sentence of a verdict that has no places. */
export function saidOf(outcome: RuleOutcome, message: string): string {
  return outcome === 'waits' || outcome === 'failed' ? `waits for ${message}` : message;
}

/** What forbids tells where it is itself. */
function placeText({ path, message }: RuleVerdict['places'][number]): string {
  return path === '' || message.includes(` from ${path}`) ? message : `${path}: ${message}`;
}

export function policySummary({ verdicts, unjudged, failures, unchanged }: PolicyReport): string {
  const counts = ORDER.map((outcome) => ({
    outcome,
    count: verdicts.filter((one) => outcomeOf(one) === outcome).length,
  }));
  const words = counts.filter(({ count }) => count > 0).map(({ outcome, count }) => `${count} ${SUMMARY[outcome]}`);
  const rest = [
    unjudged.length === 0 ? '' : `${unjudged.length} not judged here`,
    failures.length === 0 ? '' : `${failures.length} cannot be built`,
    unchanged === 0 ? '' : `${unchanged} unchanged`,
  ].filter((text) => text !== '');
  return [...words, ...rest].join(', ') || 'nothing changes';
}

const SUMMARY: Readonly<Record<RuleOutcome, string>> = {
  passes: 'passing',
  denied: 'denied',
  warned: 'passing with warnings',
  waits: 'waiting',
  failed: 'held by rules that cannot be judged',
  unknown: 'passing as far as it can be judged here',
};
