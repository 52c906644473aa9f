import type { GitRepository } from '@plumb/api';
import { parseDuration } from '@plumb/api';
import type { Content, GitInclude, GitRequest } from '@plumb/sources';
import type { Credentials } from './credentials.ts';

/** What to ask the remote for. */
export function requestOf({ spec }: GitRepository, { auth, proxy }: Credentials, signal: AbortSignal): GitRequest {
  const timeout = parseDuration(spec.timeout ?? '60s');
  const submodules = spec.recurseSubmodules === true;
  const wanted = { url: spec.url, ref: spec.ref ?? {}, auth, timeout, submodules, signal };
  return proxy === undefined ? wanted : { ...wanted, proxy };
}

/** What of it goes into the artifact. */
export function contentOf({ spec }: GitRepository, include: readonly GitInclude[]): Content {
  return { ignore: spec.ignore, sparse: spec.sparseCheckout ?? [], include };
}
