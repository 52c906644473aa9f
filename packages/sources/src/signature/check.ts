import { PlumbError, systemError } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Verification } from '../git-sources.ts';
import type { SignedObject } from './signed-object.ts';
import { checkSshSignature } from './sshsig.ts';

export interface CheckContext {
  /** Checks OpenPGP signatures; without it none counts. */
  engine: Pick<Engine, 'openpgpVerify'> | undefined;
  /** A reading of performance.now(). */
  deadline: number;
  /** Seconds since 1970 at which an SSH key has to be valid too, beside when it signed by its own word; left out as with git. */
  validAt?: number;
  signal: AbortSignal;
}

/** The key that made a signature, as statuses name it. */
export interface SigningKey {
  key: string;
  fingerprint: string;
  /** Whose it is: for each place where it stands, the names that stand there with it. An OpenPGP key has the name of its file. */
  holders: readonly (readonly string[])[];
}

/** Why a signature does not count is said in Flux's words where it has some. */
export type Verdict = SigningKey | { problem: string };

/** Checks the signature of a commit or tag. @throws PlumbError `engine-failed` when it could not be checked, `cancelled` */
export async function check(
  kind: 'commit' | 'tag',
  { payload, signature, signedAt }: SignedObject,
  { wanted, context }: { wanted: Pick<Verification, 'ssh' | 'openpgp'>; context: CheckContext },
): Promise<Verdict> {
  const trimmed = signature.trim();
  const format = formatOfSignature(trimmed);
  if (format === 'ssh') {
    const times = [signedAt, ...(context.validAt === undefined ? [] : [context.validAt])];
    const verdict = checkSshSignature({ payload, signature: trimmed, times }, wanted.ssh);
    return told(`unable to verify Git ${kind} SSH signature`, verdict);
  }
  const prefix = `unable to verify Git ${kind}`;
  if (format === 'empty') return told(prefix, { problem: 'unable to verify payload: signature is empty' });
  if (format !== 'openpgp') {
    const problem = `unable to verify openPGP signature, detected signature format: ${format}: signature format mismatch`;
    return told(prefix, { problem });
  }
  return told(prefix, await checkOpenpgp({ payload, signature: trimmed }, wanted, context));
}

/** Names of formats as Flux has them. */
function formatOfSignature(signature: string): 'empty' | 'openpgp' | 'ssh' | 'x509' | 'unknown' {
  if (signature === '') return 'empty';
  // One thing is signed once: of several signatures nobody could say which is meant.
  if (signature.lastIndexOf('-----BEGIN') > 0) return 'unknown';
  if (signature.startsWith('-----BEGIN SSH SIGNATURE-----')) return 'ssh';
  if (signature.startsWith('-----BEGIN PGP SIGNATURE-----')) return 'openpgp';
  return signature.startsWith('-----BEGIN SIGNED MESSAGE-----') ? 'x509' : 'unknown';
}

async function checkOpenpgp(
  signed: { payload: Buffer; signature: string },
  { openpgp: files }: Pick<Verification, 'openpgp'>,
  { engine, deadline, signal }: CheckContext,
): Promise<Verdict> {
  if (engine === undefined) return { problem: 'OpenPGP signatures cannot be checked here' };
  const keyRings = files.map(({ text }) => text);
  const left = Math.max(1, Math.ceil(deadline - performance.now()));
  try {
    const verdict = await engine.openpgpVerify({ ...signed, keyRings, deadline: left, signal });
    if ('problem' in verdict) return verdict;
    const { keyId: key, fingerprint, rings } = verdict;
    return { key, fingerprint, holders: rings.map((at) => [files[at]?.name.replace(/\.asc$/, '') ?? '']) };
  } catch (error) {
    if (signal.aborted) throw systemError('cancelled', 'the git operation was cancelled', error);
    const why = error instanceof Error ? error.message : String(error);
    throw new PlumbError('engine-failed', `signature verification could not be done: ${why}`, {
      fault: 'system',
      policy: 'retry',
      cause: error,
    });
  }
}

function told(prefix: string, verdict: Verdict): Verdict {
  return 'problem' in verdict ? { problem: `${prefix}: ${verdict.problem}` } : verdict;
}
