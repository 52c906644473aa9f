import type { ObjectKey, Selection } from '@plumb/api';
import { parseLabelSelector } from '../select/label-selector.ts';
import type { ChangeFacts, ObjectFate } from './facts.ts';
import { fitsOne, isKind } from './glob.ts';

/** Why a selection cannot be read; null when it can. */
export function selectionProblem({ labelSelector, namespaceSelector }: Selection): string | null {
  const own = labelSelector === undefined ? null : parseLabelSelector(labelSelector);
  if (typeof own === 'string') return `select.labelSelector: ${own}`;
  const outer = namespaceSelector === undefined ? null : parseLabelSelector(namespaceSelector);
  return typeof outer === 'string' ? `select.namespaceSelector: ${outer}` : null;
}

/**
 * Whether a selection is of this change. What cannot be told counts as chosen: a selector that cannot be read, labels of a namespace that are not
 * known.
 */
export function governs(selection: Selection | undefined, change: ChangeFacts): boolean {
  if (selection === undefined) return true;
  const { unit, source, cluster, namespaceLabels } = change;
  const { kinds, names, namespaces, labelSelector, namespaceSelector, sources, clusters } = selection;
  return (
    (kinds === undefined || kinds.includes(unit.kind)) &&
    fitsOne(names, unit.name) &&
    fitsOne(namespaces, unit.namespace) &&
    fitsOne(clusters, cluster) &&
    hasLabels(labelSelector, unit.labels) &&
    (namespaceLabels === null || hasLabels(namespaceSelector, namespaceLabels)) &&
    (sources === undefined || sources.some((one) => isSource(one, source))) &&
    isTouched(selection.touches, change.objects)
  );
}

/** Whether it is known that a selection is of a change that it governs: what takes limits away must not do so by a guess. */
export function isCertain(selection: Selection | undefined, { namespaceLabels }: ChangeFacts): boolean {
  if (selection === undefined) return true;
  const isKnown = namespaceLabels !== null || selection.namespaceSelector === undefined;
  return isKnown && selectionProblem(selection) === null;
}

function hasLabels(selector: string | undefined, labels: Readonly<Record<string, string>>): boolean {
  if (selector === undefined) return true;
  const parsed = parseLabelSelector(selector);
  return typeof parsed === 'string' || parsed(labels);
}

function isSource(
  wanted: NonNullable<Selection['sources']>[number],
  { kind, namespace, name }: ChangeFacts['source'],
): boolean {
  const { kind: ofKind, namespace: inNamespace, name: named } = wanted;
  return (
    (ofKind === undefined || ofKind === kind) &&
    fitsOne(inNamespace === undefined ? undefined : [inNamespace], namespace) &&
    fitsOne(named === undefined ? undefined : [named], name)
  );
}

function isTouched(touches: Selection['touches'], objects: readonly ObjectFate[]): boolean {
  if (touches === undefined) return true;
  const { kinds, namespaces, deletes } = touches;
  const isMeant = ({ key }: ObjectFate): boolean =>
    (kinds === undefined || kinds.some((kind) => isKind(kind, key))) && fitsOne(namespaces, namespaceOf(key));
  const meant = objects.filter(isMeant);
  if (deletes === undefined) return meant.length > 0;
  const deleted = meant.some(({ action }) => action === 'delete');
  return deletes ? deleted : meant.length > 0 && !deleted;
}

/** Whoever changes a namespace itself touches what is in it. */
function namespaceOf(key: ObjectKey): string {
  return key.group === '' && key.kind === 'Namespace' ? key.name : key.namespace;
}
