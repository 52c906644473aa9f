import { parseApiVersion } from '@plumb/api';
import type { DependencyReference, HealthCheckExpr, KindRef, KubeObject } from '@plumb/api';
import { valueAt } from '../fields.ts';
import type { Health, HealthStatus } from '../health.ts';

/** What a CEL expression gave, or why it gave nothing. */
export type ExpressionResult = { value: boolean } | { error: string };

/** What is wrong with an expression; null: nothing. */
type ErrorOf = (expression: string) => string | null;

/** The order in which an entry's expressions decide (Flux RFC 0009). */
const ORDER = [
  ['inProgress', 'InProgress'],
  ['failed', 'Failed'],
  ['current', 'Current'],
] as const satisfies readonly (readonly [keyof HealthCheckExpr, HealthStatus])[];

/** An entry's expressions in the order in which they decide; an empty one is none. */
export function expressionsOf(entry: HealthCheckExpr): string[] {
  return ORDER.flatMap(([field]) => entry[field] || []);
}

/**
 * The entry that judges a kind: its own, else the one for all kinds of its group. The version does not count. A Job keeps its
 * own rule unless an entry names it.
 */
export function entryFor(
  entries: readonly HealthCheckExpr[],
  { group, kind }: Pick<KindRef, 'group' | 'kind'>,
): HealthCheckExpr | null {
  const ofGroup = entries.filter(({ apiVersion }) => parseApiVersion(apiVersion).group === group);
  const own = ofGroup.find((entry) => entry.kind === kind);
  if (own !== undefined || (group === 'batch' && kind === 'Job')) return own ?? null;
  return ofGroup.find((entry) => !entry.kind) ?? null;
}

/**
 * What goes before an entry's expressions: an object whose controller has not seen its spec yet is in progress, whatever they
 * say. Null: they decide.
 */
export function healthBeforeExpressions(object: KubeObject): Health | null {
  const observed = valueAt(object, ['status', 'observedGeneration']);
  const { generation } = object.metadata;
  if (observed === undefined) return null;
  if (typeof observed !== 'bigint' && (typeof observed !== 'number' || !Number.isInteger(observed))) {
    return { status: 'Unknown', message: '.status.observedGeneration is not an integer' };
  }
  if (generation === undefined || BigInt(observed) === BigInt(generation)) return null;
  return { status: 'InProgress', message: '' };
}

/** The verdict of an entry: the first of its expressions that is true; in progress where none is. `results` are those of `expressionsOf`. */
export function healthByExpressions(entry: HealthCheckExpr, results: readonly ExpressionResult[]): Health {
  const asked = ORDER.filter(([field]) => entry[field]);
  for (const [index, [, status]] of asked.entries()) {
    const result = results[index];
    if (result === undefined) continue;
    if ('error' in result) return { status: 'Unknown', message: result.error };
    if (result.value) return { status, message: '' };
  }
  return { status: 'InProgress', message: '' };
}

/** What makes spec.healthCheckExprs useless, in Flux's words (fluxcd/pkg runtime/cel); null: nothing. */
export function healthExpressionsFlaw(entries: readonly HealthCheckExpr[], errorOf: ErrorOf): string | null {
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const { group } = parseApiVersion(entry.apiVersion);
    const kind = group === '' ? (entry.kind ?? '') : `${entry.kind ?? ''}.${group}`;
    if (seen.has(kind)) return `duplicate custom health check for GroupKind ${kind} at healthchecks[${index}]`;
    seen.add(kind);
    const flaw = entryFlaw(entry, errorOf);
    if (flaw !== null) return `failed to create custom status evaluator for healthchecks[${index}]: ${flaw}`;
  }
  return null;
}

function entryFlaw(entry: HealthCheckExpr, errorOf: ErrorOf): string | null {
  if (entry.current === '') return 'expression Current not specified';
  const named = { Current: entry.current, Failed: entry.failed, InProgress: entry.inProgress };
  for (const [name, expression] of Object.entries(named)) {
    const error = expression ? errorOf(expression) : null;
    if (error !== null) return `failed to parse the expression ${name}: ${error}`;
  }
  return null;
}

/** What makes a readyExpr of spec.dependsOn useless, in Flux's words (kustomize-controller); null: nothing. */
export function readyExpressionsFlaw(dependencies: readonly DependencyReference[], errorOf: ErrorOf): string | null {
  for (const { name, readyExpr = '' } of dependencies) {
    const error = readyExpr === '' ? null : errorOf(readyExpr);
    if (error !== null) return `terminal error: failed to evaluate dependency ${name}: ${error}`;
  }
  return null;
}
