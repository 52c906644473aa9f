import { EngineError } from './engine.ts';
import type { EngineFile, OpenpgpRequest, OpenpgpVerdict } from './engine.ts';
import type { Reply } from './protocol.ts';
import { textFiles } from './substitute.ts';

/** The payload, the signature and the key rings, in this order. */
export function openpgpFiles(signed: Pick<OpenpgpRequest, 'payload' | 'signature' | 'keyRings'>): EngineFile[] {
  const { payload, signature, keyRings } = signed;
  return [{ path: 'payload', content: payload }, ...textFiles([signature, ...keyRings])];
}

/** Anything but a key id alone is a refusal. @throws EngineError `protocol` when the answer is no verdict */
export function openpgpVerdict({ result }: Reply): OpenpgpVerdict {
  const { keyId, problem } = (result ?? {}) as { keyId?: unknown; problem?: unknown };
  if (typeof keyId === 'string' && /^[0-9A-F]{16}$/.test(keyId) && problem === undefined) return { keyId };
  if (typeof problem === 'string' && problem !== '') return { problem };
  throw new EngineError('protocol', 'the helper sent no verdict about a signature');
}
