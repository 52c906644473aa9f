import type { Condition, ConditionStatus } from '@plumb/api';
import type { TestOptions } from './options.ts';

/** What Ready says of a release. */
export interface ReadySummary {
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/**
 * Flux's summary (helm-controller internal/reconcile/release.go): what the newest of Remediated, TestSuccess and Released says, in
 * this order where several are of one generation. A remedied release is not ready, whatever came of the remedy. TestSuccess counts
 * only where tests are on and their failures count.
 * @param generation the metadata.generation that Ready is said for
 * @returns null when none of them is there yet
 */
export function readySummary(
  conditions: readonly Condition[] | undefined,
  generation: number,
  { enable, ignoreFailures }: Pick<TestOptions, 'enable' | 'ignoreFailures'>,
): ReadySummary | null {
  const types = enable && !ignoreFailures ? ['Remediated', 'TestSuccess', 'Released'] : ['Remediated', 'Released'];
  const [first] = types
    .flatMap((type) => conditions?.find((condition) => condition.type === type) ?? [])
    .toSorted((a, b) => (b.observedGeneration ?? 0) - (a.observedGeneration ?? 0));
  if (first === undefined) return null;
  const { type, status, reason, message } = first;
  return { status: type === 'Remediated' ? 'False' : status, reason, message, observedGeneration: generation };
}
