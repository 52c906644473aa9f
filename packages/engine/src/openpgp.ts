import { EngineError } from './engine.ts';
import type { EngineFile, OpenpgpRequest, OpenpgpVerdict } from './engine.ts';
import type { Reply } from './protocol.ts';
import { textFiles } from './substitute.ts';

/** The payload, the signature and the key rings, in this order. */
export function openpgpFiles(signed: Pick<OpenpgpRequest, 'payload' | 'signature' | 'keyRings'>): EngineFile[] {
  const { payload, signature, keyRings } = signed;
  return [{ path: 'payload', content: payload }, ...textFiles([signature, ...keyRings])];
}

/** Anything but a key alone is a refusal. @throws EngineError `protocol` when the answer is no verdict */
export function openpgpVerdict({ result }: Reply): OpenpgpVerdict {
  const { keyId, fingerprint, rings, problem } = (result ?? {}) as Partial<Record<string, unknown>>;
  if (
    fits(keyId, /^[0-9A-F]{16}$/) &&
    fits(fingerprint, /^[0-9A-F]{32,64}$/) &&
    isNumbers(rings) &&
    problem === undefined
  )
    return { keyId, fingerprint, rings };
  if (typeof problem === 'string' && problem !== '') return { problem };
  throw new EngineError('protocol', 'the helper sent no verdict about a signature');
}

function fits(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Number.isSafeInteger(one));
}
