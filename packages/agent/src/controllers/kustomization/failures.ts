import type { PlumbError, Said } from '@plumb/api';
import { kustomizationMessages as messages, ownMessages, say } from '@plumb/api';

/** The message, and with it the reason, under which a failure of a run is told. */
export function saidOf(error: PlumbError): Said {
  const payload = { error: error.message };
  switch (error.code) {
    case 'artifact-missing':
      if (error.status === 404) return say(messages.artifactNotThere, { retry: error.retryAfter ?? 0 });
      return say(messages.artifactFailed, payload);
    case 'invalid-path':
    case 'source-failed':
    case 'storage-failed':
      return say(messages.artifactFailed, payload);
    case 'build-failed':
    case 'engine-failed':
      return say(messages.buildFailed, payload);
    case 'empty-result':
      return {
        ...say(messages.buildFailed, payload),
        id: ownMessages.emptyResult.id,
        reason: ownMessages.emptyResult.reason,
      };
    case 'gated':
      return say(ownMessages.gated, { why: error.message });
    case 'prune-failed':
      return say(messages.pruneFailed, payload);
    default:
      return say(messages.applyFailed, payload);
  }
}

/** Whether the cause lies outside what the user declared and may pass by itself within seconds. */
export function isPassing(error: PlumbError): boolean {
  return error.fault === 'system';
}
