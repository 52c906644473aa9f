import { displayKey, keyId } from '@plumb/api';
import type { Rehearsal } from '@plumb/preview';
import type { Paint } from './paint.ts';
import { visible, visibleText } from './visible.ts';

const STAGES = {
  definitions: 'definitions, namespaces and cluster roles; then wait until they are in force',
  classes: 'classes; then wait until they are in force',
  custom: 'the kinds of --custom-apply-stage-kinds',
  rest: 'everything else',
} as const;

/** How a change would be carried out, for people: what comes first, the stages in their order, what is pruned, how it ends. */
export function rehearsalText(rehearsal: Rehearsal, paint: Paint): string {
  const { plan, changes, dependencies, assumptions, error } = rehearsal;
  const did = new Map(changes.map(({ key, action }) => [keyId(key), action]));
  const lines: string[] = [];
  if (dependencies.length > 0)
    lines.push(paint('bold', 'first waits for'), ...dependencies.map((id) => `  ${visible(id)}`));
  for (const [index, stage] of (plan?.stages ?? []).entries()) {
    lines.push(paint('bold', `stage ${index + 1}: ${STAGES[stage.name]}`));
    for (const { key } of stage.actions) {
      const action = did.get(keyId(key)) ?? (error === null ? 'unchanged' : 'not reached');
      lines.push(
        `  ${visible(displayKey(key))} ${paint(action === 'unchanged' || action === 'skipped' ? 'dim' : 'green', action)}`,
      );
    }
  }
  if (plan !== null && plan.prune.length > 0)
    lines.push(
      paint('bold', 'pruned'),
      ...plan.prune.map((key) => `  ${visible(displayKey(key))} ${paint('red', did.get(keyId(key)) ?? 'not reached')}`),
    );
  if (assumptions.length > 0)
    lines.push(paint('dim', 'taken for granted'), ...assumptions.map((text) => paint('dim', `  ${visible(text)}`)));
  lines.push(
    error === null
      ? 'nothing stands in its way, where gates let it pass'
      : paint('red', `it would fail: ${visibleText(error.message)}`),
  );
  return `${lines.join('\n')}\n`;
}
