import type { Foreseen, ReleaseRecord, Secrets } from '@plumb/agent';
import type { JsonObject, KubeObject } from '@plumb/api';
import { formatDuration, parseJson, some } from '@plumb/api';
import { dependenciesOf, fieldChanges, releaseNamespaceOf, unitDriftMode, versionedChartName } from '@plumb/core';
import type { ActionName } from '@plumb/core';
import type { BuiltRelease } from './build-release.ts';
import type { DeclaredRelease } from './declare.ts';

/** What the agent would do to a release, in words. */
export interface Outlook {
  /** A sentence: `would upgrade release shop/cart.v3 to v4: release chart changed`. */
  text: string;
  /** What comes before and beside it, a line each. */
  details: readonly string[];
}

export interface Seen {
  declared: DeclaredRelease;
  /** What would be released; null where nothing new would be. */
  built: BuiltRelease | null;
  /** Objects are not what the record of the release says, and would be put right. */
  differs: boolean;
}

export function outlookOf(foreseen: Foreseen, seen: Seen): Outlook {
  const { declared, built } = seen;
  const { release } = declared;
  const details = [
    ...(release.spec.suspend === true ? ['it is suspended: nothing of this is done until it is resumed'] : []),
    ...dependenciesOf(release).map(
      ({ id, kind }) => `first waits for ${kind === 'Kustomization' ? `${kind}/${id}` : id}`,
    ),
    ...(built === null ? [] : changesOf(foreseen, declared, built)),
  ];
  const sentences = foreseen.steps.map((step) => stepText(step, foreseen, declared));
  const end = endText(foreseen, seen);
  return { text: [...sentences, ...(end === '' ? [] : [end])].join('; then '), details };
}

type Step = Foreseen['steps'][number];

/** The names that sentences are made of. */
interface Names {
  /** `shop/cart`, as it is declared. */
  declared: string;
  /** `shop/cart.v3`, as it is; as it is declared where there is none. */
  here: string;
  /** Where it is uninstalled first. */
  left: string;
  /** Of the next record. */
  next: string;
  chart: string;
}

function stepText(step: Step, { here, left }: Foreseen, { desired, release }: DeclaredRelease): string {
  const last = here.last?.record;
  const declared = `${releaseNamespaceOf(release)}/${desired.wanted.releaseName}`;
  const names: Names = {
    declared,
    here: nameOf(last) ?? declared,
    left: nameOf(left?.last?.record) ?? declared,
    next: `v${(last?.version ?? 0) + 1}`,
    chart: versionedChartName(desired.wanted),
  };
  if (step.action === 'rollback')
    return `would roll release ${names.here} back to v${step.to}, as ${names.next}: ${step.why}`;
  return SENTENCES[step.action](names, step.why);
}

const SENTENCES = {
  install: ({ declared, next, chart }) => `would install release ${declared}.${next} with chart ${chart}`,
  upgrade: ({ here, next, chart }, why) => `would upgrade release ${here} to ${next} with chart ${chart}: ${why}`,
  unlock: ({ here }, why) => `would unlock release ${here}, unless somebody is at work on it: ${why}`,
  'uninstall-remediation': ({ here }, why) => `would uninstall release ${here}: ${why}`,
  uninstall: ({ left }, why) => `would uninstall release ${left}: ${why}`,
  test: ({ here }, why) => `would test release ${here}: ${why}`,
  correct: ({ here }, why) => `would put release ${here} right: ${why}`,
} as const satisfies Record<Exclude<ActionName, 'rollback'>, (names: Names, why: string) => string>;

function nameOf(record: ReleaseRecord | undefined): string | undefined {
  return record === undefined ? undefined : `${record.namespace}/${record.name}.v${record.version}`;
}

/** What is said where no step, or no further one, is taken. */
function endText({ steps, end, state, here }: Foreseen, { declared: { release }, differs }: Seen): string {
  const name = nameOf(here.last?.record) ?? 'the release';
  if (end !== null) {
    if (end.do === 'wait') return `would wait: ${end.why}`;
    const why = end.do === 'exhausted' ? end.text : end.why;
    return `would wait ${formatDuration(end.after)} before it tries again: ${why}`;
  }
  if (steps.length > 0) return '';
  if (state.adopt === 'foreign') return `would take over release ${name}: ${state.reason}`;
  if (differs) return `would put right what others changed of release ${name}, which is as declared`;
  const mode = { correct: 'enabled', warn: 'warn', ignore: 'disabled' }[unitDriftMode(release)];
  return `release ${name} is as declared (drift detection: ${mode})`;
}

/** What is new of the chart and of the values. */
function changesOf({ here }: Foreseen, { desired, secrets }: DeclaredRelease, { rendered }: BuiltRelease): string[] {
  const record = here.last?.record;
  if (record === undefined) return [];
  const { name = '', version = '' } = record.chart?.metadata ?? {};
  const before = { chart: versionedChartName({ chartName: name, chartVersion: version }), values: record.config ?? {} };
  return differences(before, { chart: versionedChartName(desired.wanted), values: valuesIn(rendered.config) }, secrets);
}

/** What one declaration of a release is made with otherwise than another. @param before null: there was none */
export function declaredDifferences(before: DeclaredRelease | null, after: DeclaredRelease): string[] {
  if (before === null) return [];
  const madeWith = ({ desired }: DeclaredRelease): MadeWith => ({
    chart: versionedChartName(desired.wanted),
    values: valuesIn(desired.values.json),
  });
  return differences(madeWith(before), madeWith(after), after.secrets);
}

interface MadeWith {
  chart: string;
  values: JsonObject;
}

/** Values are named and never shown: nobody knows which of the old ones were secret. */
function differences(before: MadeWith, after: MadeWith, secrets: Secrets): string[] {
  const paths = fieldChanges(holding(before.values), holding(after.values)).map(({ path }) =>
    path.replace(/^values\.?/, ''),
  );
  const named = some(paths.map((path) => secrets.message(path)));
  return [
    ...(before.chart === after.chart ? [] : [`chart: ${after.chart}, before ${before.chart}`]),
    ...(paths.length === 0 ? [] : [`values that differ: ${named}`]),
  ];
}

function valuesIn(json: string): JsonObject {
  return (parseJson(json) as JsonObject | null) ?? {};
}

function holding(values: JsonObject): KubeObject {
  return { apiVersion: '', kind: '', metadata: { name: '' }, values };
}
