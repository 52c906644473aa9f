import type { HelmRelease } from '@plumb/api';
import type { WantedRelease } from './facts.ts';
import { latestSnapshot } from './history.ts';

/** Helm's limit for the name of a release. */
const MAX_NAME = 53;
const HASH_DIGITS = 12;

/**
 * The name of the release: spec.releaseName, or [targetNamespace-]name. A longer one than 53 characters is cut to 40, and told
 * apart by 12 digits of its hash (helm-controller internal/release/name.go).
 * @param sha256 the SHA-256 of a text as hexadecimal digits
 */
export function releaseNameOf({ metadata, spec }: HelmRelease, sha256: (text: string) => string): string {
  const prefix = spec.targetNamespace === undefined ? '' : `${spec.targetNamespace}-`;
  const name = spec.releaseName ?? `${prefix}${metadata.name}`;
  if (name.length <= MAX_NAME) return name;
  return `${name.slice(0, MAX_NAME - HASH_DIGITS - 1)}-${sha256(name).slice(0, HASH_DIGITS)}`;
}

/** The namespace its objects belong in, where they name none. */
export function releaseNamespaceOf({ metadata, spec }: HelmRelease): string {
  return spec.targetNamespace ?? metadata.namespace ?? '';
}

/** The namespace its records are in. */
export function storageNamespaceOf({ metadata, spec }: HelmRelease): string {
  return spec.storageNamespace ?? metadata.namespace ?? '';
}

/** What of a release was changed that makes it another one: what is there then has to be uninstalled first. */
export type TargetChange = 'storage namespace' | 'release namespace' | 'release name' | 'chart name';

/** What makes the declared release another one than that of status.history; null when it is the same, or none was made yet. */
export function targetChanged(
  release: HelmRelease,
  wanted: Pick<WantedRelease, 'releaseName' | 'chartName'>,
): TargetChange | null {
  const latest = latestSnapshot(release.status?.history);
  const stored = release.status?.storageNamespace ?? '';
  if (latest === undefined || stored === '') return null;
  if (storageNamespaceOf(release) !== stored) return 'storage namespace';
  if (releaseNamespaceOf(release) !== latest.namespace) return 'release namespace';
  if (wanted.releaseName !== latest.name) return 'release name';
  const reinstalls = release.spec.upgrade?.chartNameChangeStrategy !== 'InPlaceUpdate';
  return reinstalls && wanted.chartName !== latest.chartName ? 'chart name' : null;
}
