import type { NodeRequirement, NodeSelectorTerm, Pod } from './pod.ts';

export interface Candidate {
  name: string;
  labels: Readonly<Record<string, string>>;
}

/**
 * The scheduler's part, pure: the nodes that a pod's nodeSelector and required node affinity allow, and of them the one whose
 * turn it is. Resources, taints and spreading are not looked at: the nodes are endless and alike.
 * @returns null when no node will do
 */
export function chooseNode(pod: Pod, nodes: readonly Candidate[], turn: number): string | null {
  const fit = nodes.filter((node) => allows(pod, node));
  return fit[turn % Math.max(fit.length, 1)]?.name ?? null;
}

/** Whether the scheduler would look at the pod at all. */
export function awaitsNode(pod: Pod): boolean {
  const { nodeName, schedulingGates } = pod.spec;
  if (nodeName !== undefined && nodeName !== '') return false;
  return pod.metadata.deletionTimestamp === undefined && (schedulingGates ?? []).length === 0;
}

function allows(pod: Pod, node: Candidate): boolean {
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  if (!selector.every(([key, value]) => node.labels[key] === value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => meets(term, node));
}

/** A DaemonSet's pods name their node in `matchFields`. An empty term selects nothing. */
function meets({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Candidate): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchFields.every((requirement) => holds(requirement, { 'metadata.name': node.name })) &&
    matchExpressions.every((requirement) => holds(requirement, node.labels))
  );
}

function holds({ key, operator, values = [] }: NodeRequirement, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return Number(value) > Number(values[0]);
    case 'Lt':
      return Number(value) < Number(values[0]);
    default:
      return false;
  }
}
