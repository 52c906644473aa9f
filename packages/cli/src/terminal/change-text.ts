import type { Change, ChangeRequirement } from '@plumb/api';
import type { Paint } from './paint.ts';
import { table } from './table.ts';
import { visible } from './visible.ts';
import { age, shortRevision } from './words.ts';

/** Changes, one a line. */
export function changeTable(
  changes: readonly Change[],
  { now, withNamespace }: { now: number; withNamespace: boolean },
): string {
  const head = ['NAME', 'UNIT', 'PHASE', 'CAUSE', 'REVISION', 'AGE', 'MESSAGE'];
  const rows = changes.map(({ metadata, spec, status }) => {
    const { unit, cause, revision } = spec;
    const old = age(Date.parse(metadata.creationTimestamp ?? ''), now);
    const cells = [
      metadata.name,
      `${unit.kind}/${unit.name}`,
      status?.phase ?? '',
      cause,
      shortRevision(revision),
      old,
    ];
    return [...(withNamespace ? [metadata.namespace ?? ''] : []), ...cells, status?.message ?? ''];
  });
  return table([[...(withNamespace ? ['NAMESPACE'] : []), ...head], ...rows]);
}

/** A change with all that is known of it. */
export function changeText(change: Change, now: number, paint: Paint): string {
  const { metadata, spec, status } = change;
  const { unit, cause, revision, digest, cluster, authors } = spec;
  const wrote = authors.map(({ name, email }) => `${name} <${email}>`).join(', ');
  const facts = [
    ['unit', `${unit.kind}/${unit.namespace}/${unit.name}`],
    ['phase', status?.phase ?? ''],
    ['cause', cause],
    ['revision', revision],
    ['authors', wrote],
    ['cluster', cluster],
    ['digest', digest],
    ['held since', moment(metadata.creationTimestamp, now)],
    ['decided', moment(status?.decidedAt, now)],
    ['ended', moment(status?.endedAt, now)],
  ] as const;
  const lines = [
    paint('bold', `Change ${visible(metadata.namespace ?? '')}/${visible(metadata.name)}`),
    ...facts.filter(([, text]) => text !== '').map(([name, text]) => `  ${name.padEnd(11)}${visible(text)}`),
    ...(status?.message === undefined ? [] : [visible(status.message)]),
    ...requirementLines('requirements', status?.requirements ?? [], now, paint),
    ...objectLines(change, paint),
    ...planLines(change),
  ];
  return `${lines.join('\n')}\n`;
}

function requirementLines(
  title: string,
  requirements: readonly ChangeRequirement[],
  now: number,
  paint: Paint,
): string[] {
  if (requirements.length === 0) return [];
  const lines = requirements.flatMap((one) => [
    `  ${visible(one.rule)} in ${visible(one.policy)}${generationText(one)}`,
    ...verdictLines(one, now, paint),
  ]);
  return [paint('bold', title), ...lines];
}

function generationText({ generation }: ChangeRequirement): string {
  return generation === 0 ? '' : ` (generation ${generation})`;
}

const COLOURS = { Met: 'green', Missing: 'yellow', Denied: 'red', Warned: 'yellow', Overridden: 'yellow' } as const;

/** What came of a rule, and what of. */
export function verdictLines(one: ChangeRequirement, now: number, paint: Paint): string[] {
  const { verdict, message, evidence = [], at } = one;
  return [
    `    ${paint(COLOURS[verdict], verdict)}: ${visible(message)} ${paint('dim', `(${ago(at, now)})`)}`,
    ...evidence.map((text) => `      ${visible(text)}`),
  ];
}

const MARKS = { create: ['green', '+'], change: ['yellow', '~'], delete: ['red', '-'] } as const;

function objectLines({ status }: Change, paint: Paint): string[] {
  const { counts, objects = [] } = status ?? {};
  if (counts === undefined) return [];
  const all = counts.create + counts.change + counts.delete;
  const parts = [
    counts.create === 0 ? '' : `${counts.create} created`,
    counts.change === 0 ? '' : `${counts.change} changed`,
    counts.delete === 0 ? '' : `${counts.delete} deleted`,
  ].filter((part) => part !== '');
  const lines = objects.map(({ object, action }) => {
    const [colour, mark] = MARKS[action];
    return `  ${paint(colour, `${mark} ${visible(object)}`)}`;
  });
  const more = all > objects.length ? [`  and ${all - objects.length} more`] : [];
  return [paint('bold', `objects: ${parts.join(', ') || 'none'}`), ...lines, ...more];
}

/** Where to read what changes of them. */
function planLines({ metadata, status }: Change): string[] {
  const { path, problem } = status?.plan ?? {};
  if (path !== undefined) return [visible(`plumb change diff ${metadata.name} shows what changes of them`)];
  return problem === undefined ? [] : [visible(`there is no plan of what changes of them: ${problem}`)];
}

/** `2026-11-27T20:11:05Z (12m ago)`; empty where it is not known. */
function moment(time: string | undefined, now: number): string {
  return time === undefined ? '' : `${time} (${ago(time, now)})`;
}

/** `12m ago`. */
export function ago(time: string, now: number): string {
  return `${age(Date.parse(time), now)} ago`;
}
