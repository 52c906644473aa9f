import { checkCount } from './check-count.ts';
import type { Decrypted, Decryptor, DecryptorOptions, DecryptRequest, EncryptedFile, Needs } from './decryptor.ts';
import { EngineError } from './engine.ts';
import { Pool } from './pool.ts';
import type { Reply } from './protocol.ts';

/**
 * Milliseconds one call may take at most. There is one process: who names a key management service that does not answer must not
 * keep the others waiting for long.
 */
const longestCall = 60_000;

/** Starts no process yet: it comes with the first call and goes soon after the last, and what it knew with it. */
export function createDecryptor(options: DecryptorOptions): Decryptor {
  const pool = new Pool({
    path: options.path,
    slots: 1,
    idleTimeout: options.idleTimeout ?? 10_000,
    memoryLimit: options.memoryLimit ?? 512 * 1024 * 1024,
    environment: options.environment ?? {},
  });
  return {
    async decrypt({ files, keys, verifyMac, deadline, signal }) {
      if (files.length === 0) return [];
      const described = files.map(({ format, outputFormat, source }) =>
        source === undefined ? { format, outputFormat } : { format, outputFormat, source: source.format },
      );
      const reply = await pool.call({
        op: 'sops.decrypt',
        args: { files: described, keys, verifyMac },
        files: contentsOf(files),
        deadline: Math.min(deadline, longestCall),
        signal,
      });
      return decrypted(reply, files.length);
    },
    async needs({ files, deadline, signal }) {
      const args = { files: files.map(({ format }) => ({ format })) };
      const sent = files.map(({ content }, index) => ({ path: String(index), content }));
      const limit = Math.min(deadline, longestCall);
      const { result } = await pool.call({ op: 'sops.needs', args, files: sent, deadline: limit, signal });
      return result as Needs;
    },
    usage: async () => pool.usage(),
    close: () => pool.close(),
  };
}

/** Each file, with its source after it where it has one. */
function contentsOf(files: DecryptRequest['files']): { path: string; content: Uint8Array }[] {
  const all = files.flatMap((file): EncryptedFile[] => (file.source === undefined ? [file] : [file, file.source]));
  return all.map(({ content }, index) => ({ path: String(index), content }));
}

/** @throws EngineError `protocol` when the answer is not one for each file. */
function decrypted({ result, body }: Reply, count: number): Decrypted[] {
  const { files } = result as { files: { size: number; error?: string }[] };
  checkCount(files.length, count);
  let at = 0;
  const answers = files.map(({ size, error }): Decrypted => {
    if (error !== undefined) return { error };
    at += size;
    return { content: body.subarray(at - size, at) };
  });
  if (at !== body.byteLength) throw new EngineError('protocol', 'the helper sent files that do not fill its answer');
  return answers;
}
