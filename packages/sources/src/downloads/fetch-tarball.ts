import { createWriteStream } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlumbError, systemError } from '@plumb/api';
import { correctable } from '../git/address.ts';
import type { ArtifactOffer } from '../downloads.ts';
import { download } from '../net/download.ts';
import { digestOf } from './digest.ts';

export interface TarballRequest {
  /** Where to put it. */
  file: string;
  /** Bytes. */
  limit: number;
  tries: number;
  signal: AbortSignal;
  env: Readonly<Record<string, string>>;
  hostOverride: string | undefined;
  /** Milliseconds without a byte after which a try is given up. */
  stall: number | undefined;
}

/** Milliseconds before the second try; each further one waits four times as long. */
const FIRST_WAIT = 250;

/**
 * Downloads a tarball into a file and checks its digest. A server that fails is asked again, one that has no such file is not.
 * @throws PlumbError `artifact-missing`, `source-failed`, `timeout`
 */
export async function fetchTarball(offer: ArtifactOffer, request: TarballRequest): Promise<void> {
  const { tries, signal } = request;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptTo(offer, request);
    } catch (error) {
      if (signal.aborted) throw late(offer, error);
      if (attempt >= tries || !isPassing(error)) throw error;
      await sleep(FIRST_WAIT * 4 ** (attempt - 1), undefined, { signal }).catch((aborted: unknown) => {
        throw late(offer, aborted);
      });
    }
  }
}

async function attemptTo(
  offer: ArtifactOffer,
  { file, limit, signal, env, hostOverride, stall }: TarballRequest,
): Promise<void> {
  const url = addressOf(offer.url, hostOverride);
  const { hash, hex } = digestOf(offer.digest);
  const answer = await download(url, { signal, env, ...(stall !== undefined && { stall }) }).catch((error: unknown) => {
    // An address that nobody could ask does not get better by asking again.
    if (error instanceof PlumbError && error.fault === 'user') throw error;
    throw missing(`failed to download archive, error: ${wordsOf(error)}`, { cause: error });
  });
  const { statusCode: status = 0 } = answer;
  if (status !== 200) {
    answer.destroy();
    if (status === 404) throw missing('Source is not ready, artifact not found', { status });
    throw missing(`failed to download archive from ${url}, status: ${status} ${STATUS_CODES[status] ?? ''}`.trim(), {
      status,
    });
  }
  let size = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      hash.update(chunk);
      done(size > limit ? correctable('source-failed', `the artifact has more than ${limit} bytes`) : null, chunk);
    },
  });
  try {
    await pipeline(answer, meter, createWriteStream(file, { mode: 0o600 }), { signal });
  } catch (error) {
    if (error instanceof PlumbError) throw error;
    throw missing(`failed to download archive, error: ${wordsOf(error)}`, { cause: error });
  }
  if (hash.digest('hex') !== hex)
    throw missing(`failed to verify archive: computed digest doesn't match provided '${offer.digest}'`, {});
}

/** Only the host may be another: the path is what names the artifact. */
function addressOf(address: string, hostOverride: string | undefined): string {
  if (hostOverride === undefined) return address;
  const url = URL.parse(address);
  if (url === null) return address;
  url.host = hostOverride;
  return url.href;
}

/** Whether another try may help: nothing is known yet, or the server itself says that it fails. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof PlumbError) || error.code !== 'artifact-missing') return false;
  return error.status === undefined || error.status === 429 || error.status >= 500;
}

function missing(message: string, detail: { cause?: unknown; status?: number }): PlumbError {
  return new PlumbError('artifact-missing', message, { fault: 'system', policy: 'retry', ...detail });
}

function late({ revision }: ArtifactOffer, cause: unknown): PlumbError {
  return systemError('timeout', `failed to download archive: artifact ${revision} took too long`, cause);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
