import { checkCount } from './check-count.ts';
import type { Decrypted, Decryptor, DecryptorOptions, EncryptedFile, Needs } from './decryptor.ts';
import { EngineError } from './engine.ts';
import type { EngineFile } from './engine.ts';
import { Pool } from './pool.ts';
import type { Reply } from './protocol.ts';

/**
 * Milliseconds that one call may take of the process. There is one process: who names a key management service that does not answer must not
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
    async decrypt({ files, sources = [], keys, verifyMac, ...more }) {
      if (files.length === 0) return [];
      const reply = await pool.call({
        op: 'sops.decrypt',
        args: {
          files: files.map(({ content: _sent, ...described }) => described),
          sources: sources.map(({ format }) => ({ format })),
          keys,
          verifyMac,
          serviceTimeout: options.serviceTimeout ?? 15_000,
        },
        files: contentsOf([...files, ...sources]),
        longest: longestCall,
        ...more,
      });
      return decrypted(reply, files.length);
    },
    async needs({ files, ...more }) {
      const args = { files: files.map(({ format }) => ({ format })) };
      const call = { op: 'sops.needs', args, files: contentsOf(files), longest: longestCall, ...more };
      const { result } = await pool.call(call);
      return result as Needs;
    },
    usage: async () => pool.usage(),
    close: () => pool.close(),
  };
}

/** The helper goes by the order of files: their names say nothing. */
function contentsOf(files: readonly EncryptedFile[]): EngineFile[] {
  return files.map(({ content }, index) => ({ path: String(index), content }));
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
