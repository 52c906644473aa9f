import { PlumbError } from '@plumb/api';
import type { ErrorCode } from '@plumb/api';

import type { Conflict } from './managed-fields.ts';

/** A failure as the real client reports it: the API server's own message and status. */
export function failure(status: number, message: string): PlumbError {
  const code = codeOf(status);
  const fault = code === 'api-unavailable' || code === 'api-conflict' ? 'system' : 'user';
  return new PlumbError(code, message, { fault, policy: 'retry', status });
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'api-not-found';
  if (status === 409) return 'api-conflict';
  if (status === 401 || status === 403) return 'api-forbidden';
  return status >= 500 || status === 429 ? 'api-unavailable' : 'api-invalid';
}

export function conflictFailure(conflicts: readonly Conflict[]): PlumbError {
  const count = conflicts.reduce((sum, conflict) => sum + conflict.paths.length, 0);
  const parts = conflicts.map(({ manager, paths }) => {
    const subresource = manager.subresource === '' ? '' : ` with subresource "${manager.subresource}"`;
    const using = manager.operation === 'Update' ? ` using ${manager.apiVersion}` : '';
    const where = `"${manager.name}"${subresource}${using}`;
    if (paths.length === 1) return `conflict with ${where}: ${paths[0]}`;
    return `conflicts with ${where}:\n${paths.map((path) => `- ${path}`).join('\n')}`;
  });
  return failure(409, `Apply failed with ${count} conflict${count === 1 ? '' : 's'}: ${parts.join('\n')}`);
}
