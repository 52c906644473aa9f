import { APPROVAL, displayKey, userError } from '@plumb/api';
import type { ObjectFate } from '@plumb/core';

/**
 * An approval is of whoever makes it. One that stands in a source would be the agent's, or that of the account it delivers by: whoever may commit could
 * have them approve what they like.
 * @throws PlumbError `build-failed`
 */
export function refuseApprovals(objects: readonly ObjectFate[]): void {
  const found = objects.find(
    ({ key, action }) => action !== 'delete' && key.group === APPROVAL.group && key.kind === APPROVAL.kind,
  );
  if (found === undefined) return;
  throw userError(
    'build-failed',
    `refused: ${displayKey(found.key)} is declared in the source, and an approval counts as given by who makes it; take it out of there, and approve with 'plumb approve'`,
  );
}
