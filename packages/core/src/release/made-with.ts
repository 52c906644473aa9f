import type { HelmReleaseStatus } from '@plumb/api';
import type { LastRelease, MadeWith } from './facts.ts';
import { newestFirst } from './history.ts';

/** In place of a digest that nobody knows: it is never the one that is declared. */
const UNKNOWN = 'unknown';

const NOTHING: MadeWith = { postRenderersDigest: '', commonMetadataDigest: '' };

/** What the status says of the release in force. */
export function observedMadeWith(status: HelmReleaseStatus | undefined): MadeWith {
  const { observedPostRenderersDigest = '', observedCommonMetadataDigest = '' } = status ?? {};
  return { postRenderersDigest: observedPostRenderersDigest, commonMetadataDigest: observedCommonMetadataDigest };
}

/** What the status has to say of a release once it is in force. */
export function observedDigests({
  postRenderersDigest,
  commonMetadataDigest,
}: MadeWith): Required<Pick<HelmReleaseStatus, 'observedPostRenderersDigest' | 'observedCommonMetadataDigest'>> {
  return {
    observedPostRenderersDigest: postRenderersDigest,
    observedCommonMetadataDigest: commonMetadataDigest,
  };
}

/** What the newest record was made with. Where it does not say, the status does of one that Flux made, and helm uses nothing. */
export function madeWithOf(
  last: LastRelease,
  { status, isOurs }: { status: HelmReleaseStatus | undefined; isOurs: boolean },
): MadeWith {
  return last.madeWith ?? (isOurs ? observedMadeWith(status) : NOTHING);
}

/**
 * What the record of a rollback was made with: what the one that it goes to says. Where that says nothing, the status speaks of the
 * one that was deployed last; of any other nobody knows.
 */
export function madeWithAt(
  status: HelmReleaseStatus | undefined,
  to: { readonly version: number; readonly madeWith: MadeWith | null },
): MadeWith {
  if (to.madeWith !== null) return to.madeWith;
  const good = newestFirst(status?.history).find((one) => one.status === 'deployed' || one.status === 'superseded');
  return good?.version === to.version
    ? observedMadeWith(status)
    : { postRenderersDigest: UNKNOWN, commonMetadataDigest: UNKNOWN };
}
