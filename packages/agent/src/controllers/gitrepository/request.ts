import type { GitRepository } from '@plumb/api';
import { parseDuration } from '@plumb/api';
import type { Content, GitInclude, GitRequest, Verification } from '@plumb/sources';
import type { Credentials } from './credentials.ts';

/** What the Secrets of an object say. */
export interface Means extends Credentials {
  verify: Verification | null;
}

/** What to ask the remote for. */
export function requestOf({ spec }: GitRepository, { auth, proxy, verify }: Means, signal: AbortSignal): GitRequest {
  const timeout = parseDuration(spec.timeout ?? '60s');
  const submodules = spec.recurseSubmodules === true;
  const only = { ignore: spec.ignore, sparse: spec.sparseCheckout ?? [] };
  const wanted = { url: spec.url, ref: spec.ref ?? {}, auth, timeout, submodules, only, signal };
  return { ...wanted, ...(proxy && { proxy }), ...(verify && { verify }) };
}

/** What of it goes into the artifact. */
export function contentOf({ spec }: GitRepository, include: readonly GitInclude[]): Content {
  return { ignore: spec.ignore, sparse: spec.sparseCheckout ?? [], include };
}
