import type { PolicyReport, RuleVerdict, UnitVerdict } from '@plumb/preview';
import { policySummary, saidOf } from './policy-text.ts';
import { visible } from './visible.ts';

type Level = 'error' | 'warning' | 'notice';

/** Workflow commands of GitHub Actions: one for each thing that breaks a rule, at its file where it has one. */
export function policyAnnotations(report: PolicyReport): string {
  const { verdicts, unjudged, failures, notes } = report;
  const lines = [
    ...verdicts.flatMap(({ unit, rules }) => rules.flatMap((rule) => ofRule(unit, rule))),
    ...unjudged.map(({ unit, why }) => command('notice', { title: `${unit} is not judged here` }, why)),
    ...failures.map(({ unit, why }) => command('error', { title: `${unit} cannot be built` }, why)),
    ...notes.map((note) => command('notice', {}, note)),
    visible(policySummary(report)),
  ];
  return `${lines.join('\n')}\n`;
}

const LEVELS: Readonly<Record<Exclude<RuleVerdict['outcome'], 'passes'>, Level>> = {
  denied: 'error',
  failed: 'error',
  warned: 'warning',
  waits: 'notice',
  unknown: 'notice',
};

function ofRule(
  { kind, namespace, name }: UnitVerdict['unit'],
  { policy, rule, outcome, message, places }: RuleVerdict,
) {
  if (outcome === 'passes') return [];
  const title = `${kind}/${namespace}/${name}: ${rule} in ${policy}`;
  const said = outcome === 'unknown' ? `not judged here: ${message}` : saidOf(outcome, message);
  const all = places.length === 0 ? [{ path: '', message: said }] : places;
  return all.map(({ path, message: text }) =>
    // Of a release it is a template in its chart.
    command(LEVELS[outcome], { ...(path === '' || kind === 'HelmRelease' ? {} : { file: path }), title }, text),
  );
}

function command(level: Level, properties: Readonly<Record<string, string>>, message: string): string {
  const given = Object.entries(properties).map(([name, value]) => `${name}=${property(value)}`);
  return `::${level}${given.length === 0 ? '' : ` ${given.join(',')}`}::${data(visible(message))}`;
}

/** As the runner reads it (actions/toolkit, core/src/command.ts). */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(visible(text)).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
