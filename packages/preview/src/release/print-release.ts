import type { KubeObject } from '@plumb/api';
import { compareForApply, hooksFor, type HookEvent } from '@plumb/core';
import type { HelmHook } from '@plumb/engine';
import { printObject } from '../print.ts';
import type { BuiltRelease, HookObject } from './build-release.ts';

/** What is printed beside the objects. */
export interface Extras {
  crds: boolean;
  hooks: boolean;
  notes: boolean;
}

/** Before the objects are applied, in this order; other hooks come after them. */
const BEFORE: readonly HookEvent[] = ['pre-install', 'pre-upgrade'];
const AFTER: readonly HookEvent[] = [
  'post-install',
  'post-upgrade',
  'test',
  'pre-rollback',
  'post-rollback',
  'pre-delete',
  'post-delete',
];

/** A release as one YAML stream, in the order in which things are done, each with the template it comes from; secrets masked. */
export function printRelease(built: BuiltRelease, { crds, hooks, notes }: Extras): string {
  const { rendered, secrets, definitions } = built;
  const objects = rendered.bundle.objects.toSorted((a, b) => compareForApply(a.key, b.key));
  const applied = objects.map((desired) => printObject(secrets.masked(desired), [source(desired.origin.path)]));
  const [before, after] = hooks ? hookTexts(built) : [[], []];
  const defined = crds ? definitions.map(({ body, origin }) => printObject(body, [source(origin.path)])) : [];
  const said = notes && built.notes !== '' ? [notesText(built.notes)] : [];
  return [...defined, ...before, ...applied, ...after, ...said].join('');
}

function source(path: string): string {
  return `Source: ${path}`;
}

/** Those that come before the objects, and those that come after; each is printed once. */
function hookTexts({ hooks, secrets }: BuiltRelease): [string[], string[]] {
  const left = new Set(hooks);
  const textsOf = (events: readonly HookEvent[]): string[] =>
    events.flatMap((event) =>
      hookObjectsFor(hooks, event).flatMap((one) => {
        if (!left.delete(one)) return [];
        return [printHook(one.hook, secrets.hidden(one.body, one.other))];
      }),
    );
  return [textsOf(BEFORE), textsOf(AFTER)];
}

/** What the hooks of an event make, in the order in which they run. */
export function hookObjectsFor(hooks: readonly HookObject[], event: HookEvent): HookObject[] {
  const distinct = [...new Set(hooks.map(({ hook }) => hook))];
  return hooksFor(distinct, event).flatMap((hook) => hooks.filter((one) => one.hook === hook));
}

function printHook(hook: HelmHook, body: KubeObject): string {
  return printObject(body, [source(hook.path), `Hook: ${hookText(hook)}`]);
}

/** `pre-install, pre-upgrade; weight -5; deleted when hook-succeeded` */
function hookText({ events, weight, deletePolicies }: HelmHook): string {
  return [
    events.join(', '),
    ...(weight === 0 ? [] : [`weight ${weight}`]),
    ...(deletePolicies.length === 0 ? [] : [`deleted: ${deletePolicies.join(', ')}`]),
  ].join('; ');
}

function notesText(notes: string): string {
  const lines = ['NOTES.txt', '', ...notes.replace(/\n+$/, '').split('\n')];
  return `---\n${lines.map((line) => (line === '' ? '#' : `# ${withoutControls(line)}`)).join('\n')}\n`;
}

/** A terminal would act on them; indentation stays. */
function withoutControls(line: string): string {
  return line
    .split('\t')
    .map((part) => part.replaceAll(/[\p{Cc}\p{Cf}]/gu, ''))
    .join('\t');
}
