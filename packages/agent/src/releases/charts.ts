import type { OfferedArtifact, UnitRef } from '@plumb/api';
import { PlumbError, userError } from '@plumb/api';
import type { Engine, HelmChartMetadata } from '@plumb/engine';
import type { Downloads } from '@plumb/sources';
import { ofEngine } from './engine-error.ts';

/** A chart as its source offers it. */
export interface Chart {
  /** Brings its bytes from the disk: a release that waits holds none. */
  archive: (signal: AbortSignal) => Promise<Uint8Array>;
  metadata: HelmChartMetadata;
  /** Its version, with the digest of what it came in appended where a tag may move. */
  version: string;
  /** Digest of the OCI artifact it came in; empty for any other. */
  ociDigest: string;
}

interface Asker {
  tenant: string;
  signal: AbortSignal;
}

/** Milliseconds for one download, and for reading what a chart says of itself. */
const DOWNLOAD = 60_000;
const READ = 30_000;
/** Charts of which what they say is remembered. */
const REMEMBERED = 500;

/** Brings charts from where their sources offer them. What a chart says of itself is read once. */
export class Charts {
  readonly #downloads: Downloads;
  readonly #engine: Pick<Engine, 'helmChart'>;
  /** Milliseconds after which a chart that its server does not have is asked for again. */
  readonly #retry: number;
  readonly #metadata = new Map<string, Promise<HelmChartMetadata>>();

  constructor(options: { downloads: Downloads; engine: Pick<Engine, 'helmChart'>; retry: number }) {
    this.#downloads = options.downloads;
    this.#engine = options.engine;
    this.#retry = options.retry;
  }

  /** @throws PlumbError `artifact-missing` (404: the server has no such file), as Downloads, and `build-failed` for what is no chart */
  async load(source: UnitRef, offer: OfferedArtifact, asker: Asker): Promise<Chart> {
    const archive = (signal: AbortSignal): Promise<Uint8Array> => this.#bring(source, offer, signal);
    const metadata = await this.#read(archive, offer.digest, asker);
    return { archive, metadata, ...versionOf(metadata.version, source, offer.revision) };
  }

  async #bring(source: UnitRef, offer: OfferedArtifact, signal: AbortSignal): Promise<Uint8Array> {
    try {
      return await this.#downloads.archive(source, offer, { timeout: DOWNLOAD, signal });
    } catch (thrown) {
      if (!(thrown instanceof PlumbError) || thrown.status !== 404) throw thrown;
      const { code, message, fault, policy, status } = thrown;
      throw new PlumbError(code, message, { fault, policy, status, retryAfter: this.#retry, cause: thrown });
    }
  }

  /** Several may wait for one answer: it ends with none of them. */
  #read(archive: Chart['archive'], digest: string, { tenant }: Asker): Promise<HelmChartMetadata> {
    const known = this.#metadata.get(digest);
    if (known !== undefined) return known;
    const signal = AbortSignal.timeout(DOWNLOAD + READ);
    const reading = archive(signal)
      .then((chart) => this.#engine.helmChart({ chart, deadline: READ, tenant, signal }))
      .catch((error: unknown) => {
        this.#metadata.delete(digest);
        throw ofEngine(error, []);
      });
    this.#metadata.set(digest, reading);
    const [oldest] = this.#metadata.keys();
    if (this.#metadata.size > REMEMBERED && oldest !== undefined) this.#metadata.delete(oldest);
    return reading;
  }
}

/** A version of Semver 2, its build metadata apart. */
const SEMVER = /^v?(\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?$/;

/**
 * What comes from an OCIRepository is told apart by its digest too, for a tag may move: `1.2.3+<12 digits>` (helm-controller,
 * mutateChartWithSourceRevision).
 */
export function versionOf(
  version: string,
  source: Pick<UnitRef, 'kind'>,
  revision: string,
): Pick<Chart, 'version' | 'ociDigest'> {
  if (source.kind !== 'OCIRepository') return { version, ociDigest: '' };
  const ociDigest = revision.slice(revision.lastIndexOf('@') + 1);
  const short = /^sha\d+:([0-9a-f]{12})/.exec(ociDigest)?.[1];
  const base = SEMVER.exec(version)?.[1];
  if (short === undefined)
    throw userError('source-failed', `revision '${revision}' of the chart's source holds no digest`);
  if (base === undefined) throw userError('build-failed', `version '${version}' of the chart is no semantic version`);
  return { version: `${base}+${short}`, ociDigest };
}
