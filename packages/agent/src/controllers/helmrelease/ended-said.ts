import type { HelmRelease, PlumbError, Said } from '@plumb/api';
import { helmReleaseMessages as messages, say } from '@plumb/api';
import type { Next } from '@plumb/core';

// What is told of a run that did not bring the release to rest.

export function chartSaid({ status, retryAfter = 0, message }: PlumbError): Said {
  if (status === 404) return say(messages.artifactNotThere, { retry: retryAfter });
  return say(messages.chartFailed, { error: message });
}

export function exhaustedSaid(next: Extract<Next, { do: 'exhausted' }>): Said {
  if (next.reason === 'MissingRollbackTarget') return { ...say(messages.missingTarget, {}), text: next.text };
  return { ...say(messages.retriesExceeded, { action: '', attempts: 0 }), text: next.text };
}

/** What the last action came to is why it is tried again. */
export function attemptSaid({ status = {} }: HelmRelease, why: string): Said {
  const told = ['Remediated', 'TestSuccess', 'Released'].flatMap(
    (type) => status.conditions?.find((one) => one.type === type) ?? [],
  );
  const newest = told.toSorted((a, b) => (b.observedGeneration ?? 0) - (a.observedGeneration ?? 0))[0];
  const said = say(messages.upgradeFailed, { release: '', chart: '', error: why });
  return newest === undefined ? said : { ...said, text: newest.message };
}
