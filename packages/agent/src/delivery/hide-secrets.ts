import { PlumbError } from '@plumb/api';

/** A shorter text may stand in a message by chance. */
const SHORTEST = 4;

/** The same failure without these texts: an API server repeats a value that it does not take (I8). */
export function hideSecrets(error: PlumbError, secrets: readonly string[]): PlumbError {
  const hidden = secrets.filter((secret) => secret.length >= SHORTEST && error.message.includes(secret));
  if (hidden.length === 0) return error;
  const longestFirst = hidden.sort((a, b) => b.length - a.length);
  const message = longestFirst.reduce((text, secret) => text.replaceAll(secret, '***'), error.message);
  const { code, fault, policy, retryAfter, status } = error;
  return new PlumbError(code, message, {
    fault,
    policy,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(status === undefined ? {} : { status }),
  });
}
