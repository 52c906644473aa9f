import type { PlumbError } from '@plumb/api';
import { asPlumbError, systemError, userError } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import { hideSecrets } from '../delivery/hide-secrets.ts';

/** A failure of the helper, told without these texts. What a chart or its values are refused for is the user's to mend. */
export function ofEngine(error: unknown, secrets: readonly string[]): PlumbError {
  if (!(error instanceof EngineError)) return asPlumbError(error);
  if (error.code === 'failed') return hideSecrets(userError('build-failed', error.message, error), secrets);
  const code = error.code === 'timeout' || error.code === 'cancelled' ? error.code : 'engine-failed';
  return systemError(code, error.message, error);
}
