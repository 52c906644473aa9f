import type { Change, ChangePlan } from '@plumb/api';
import { diffsOfPlan } from '@plumb/preview';
import { ago } from './change-text.ts';
import { diffSummary, diffText } from './diff-text.ts';
import type { Paint } from './paint.ts';
import { visible } from './visible.ts';

/** What a held change would do, as `plumb diff` shows it; what it deletes is said first. */
export function planText(plan: ChangePlan, change: Change, now: number, paint: Paint): string {
  const { metadata, spec, status } = change;
  const at = status?.plan?.at ?? '';
  const name = `${metadata.namespace ?? ''}/${metadata.name}`;
  const diffs = diffsOfPlan(plan);
  const deleted = diffs.filter((diff) => diff.change === 'deleted').length;
  const lines = [
    paint('bold', visible(`Change ${name}, ${spec.revision}: what it would do, as of ${at} (${ago(at, now)})`)),
    ...(deleted === 0 ? [] : [paint('red', `DELETES ${deleted} ${deleted === 1 ? 'object' : 'objects'}`)]),
  ];
  return `${lines.join('\n')}\n${diffText(diffs, paint)}`;
}

/** `1 created, 2 changed, 3 deleted`, and what the plan does not have. */
export function planSummary(plan: ChangePlan, left: number): string {
  const summary = diffSummary(diffsOfPlan(plan));
  const said = summary === '' ? 'nothing would change' : summary;
  return left === 0 ? said : `${said}; the plan does not have all of ${left} ${left === 1 ? 'object' : 'objects'}`;
}
