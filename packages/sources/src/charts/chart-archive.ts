import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack } from 'tar-stream';
import { systemError, userError } from '@plumb/api';

/** The files of a chart, by their paths in it: `Chart.yaml`, `templates/web.yaml`. */
export type ChartContent = ReadonlyMap<string, Uint8Array>;

/** What one chart may hold; the engine that reads it has the same bounds. */
export const CHART_LIMITS = { fileBytes: 16 * 1024 * 1024, bytes: 100 * 1024 * 1024, files: 20_000 } as const;

const FOLDER = 'chart';
const EPOCH = new Date(0);
const compress = promisify(gzip);

/** The archive that `helm package` makes of these files. Same files, same bytes. */
export async function packContent(files: ChartContent): Promise<Uint8Array> {
  const archive = pack();
  const chunks: Buffer[] = [];
  const collected = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer);
  })();
  for (const [path, content] of files) {
    archive.entry({ name: `${FOLDER}/${path}`, mode: 0o644, mtime: EPOCH }, Buffer.from(content));
  }
  archive.finalize();
  await collected;
  return compress(Buffer.concat(chunks));
}

/**
 * The files of a chart's archive. What else is in it is for whoever reads the chart to refuse.
 * @throws PlumbError `build-failed` for what is no archive, or beyond the bounds
 */
export async function contentOf(archive: Uint8Array): Promise<ChartContent> {
  const found = new Map<string, Uint8Array>();
  const entries = extract();
  let bytes = 0;
  const reading = (async () => {
    for await (const entry of entries) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > CHART_LIMITS.bytes) throw tooLarge();
        chunks.push(chunk);
      }
      const path = entry.header.name.split('/').slice(1).join('/');
      if (entry.header.type === 'file' && path !== '') found.set(path, Buffer.concat(chunks));
      if (found.size > CHART_LIMITS.files) throw tooLarge();
    }
  })();
  const [read, fed] = await Promise.allSettled([reading, pipeline(Readable.from([archive]), createGunzip(), entries)]);
  if (read.status === 'fulfilled' && fed.status === 'fulfilled') return found;
  const failure: unknown = read.status === 'rejected' ? read.reason : (fed as PromiseRejectedResult).reason;
  if (failure instanceof Error && failure.message.startsWith('the chart')) throw failure;
  throw userError('build-failed', `the chart is no gzip-compressed archive: ${String(failure)}`, failure);
}

export function tooLarge(): Error {
  const { bytes, files } = CHART_LIMITS;
  return systemError('build-failed', `the chart holds more than ${bytes} bytes, or more than ${files} files`);
}
