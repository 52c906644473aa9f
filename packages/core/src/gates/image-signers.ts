import { oneLine, type ImageIdentity, type ImageSigners } from '@plumb/api';
import { RE2JS } from 're2js';

/** Who signed something: a key, by the name it is told by, or whoever an authority vouched for. */
export type Signer = { key: string } | { issuer: string; subject: string };

/** Whether somebody may sign. Only keys that are trusted are ever named. */
export function maySign({ keyless = [] }: ImageSigners, signer: Signer): boolean {
  return 'key' in signer || keyless.some((one) => isIdentity(one, signer));
}

function isIdentity(
  { issuer, issuerPattern, subject, subjectPattern }: ImageIdentity,
  signer: { issuer: string; subject: string },
): boolean {
  return isText(signer.issuer, issuer, issuerPattern) && isText(signer.subject, subject, subjectPattern);
}

/** The longest text that is looked at: a pattern takes time in proportion to it. */
const LONGEST = 2_048;

function isText(text: string, exact: string | undefined, pattern: string | undefined): boolean {
  if (exact !== undefined) return text === exact;
  return pattern !== undefined && text.length <= LONGEST && RE2JS.compile(pattern).matcher(text).matches();
}

const LONGEST_NAME = 300;

export function signerText(signer: Signer): string {
  return 'key' in signer ? signer.key : oneLine(`${signer.subject} (${signer.issuer})`).slice(0, LONGEST_NAME);
}

/** Those who may sign, in words. */
export function signersText({ keys = [], keyless = [] }: ImageSigners): string {
  const named = keys.map(({ pem, secretRef }) =>
    pem === undefined ? `a key in Secret ${secretRef?.name ?? ''}` : 'a key of the policy',
  );
  const identities = keyless.map(({ issuer, issuerPattern, subject, subjectPattern }) => {
    return `${subject ?? `/${subjectPattern}/`} of ${issuer ?? `/${issuerPattern}/`}`;
  });
  return [...new Set([...named, ...identities])].join(' or ');
}

/** What nobody could judge by. `path`: where the signers stand in a policy. */
export function signersProblem(path: string, { keys = [], keyless = [], trustedRootRef }: ImageSigners): string | null {
  if (keys.length === 0 && keyless.length === 0) return `${path} names nobody: it needs keys or keyless`;
  if (keyless.length > 0 && trustedRootRef === undefined) {
    return `${path}.keyless needs ${path}.trustedRootRef: without it nobody vouches for identities`;
  }
  const bad = keys.findIndex(({ pem }) => pem !== undefined && !PEM.test(pem));
  if (bad >= 0) return `${path}.keys[${bad}].pem is no public key in PEM`;
  const problems = keyless.flatMap(({ issuerPattern, subjectPattern }) =>
    [issuerPattern, subjectPattern].map(patternProblem),
  );
  return problems.find((problem) => problem !== null) ?? null;
}

const PEM = /^\s*-----BEGIN (?:RSA )?PUBLIC KEY-----\r?\n[A-Za-z\d+/=\s]+-----END (?:RSA )?PUBLIC KEY-----\s*$/;

function patternProblem(pattern: string | undefined): string | null {
  if (pattern === undefined) return null;
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    return `${pattern} is no pattern of RE2: ${error instanceof Error ? error.message : String(error)}`;
  }
}
