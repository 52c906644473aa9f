import type { GitRepository, KubeObject, PlumbError, Said } from '@plumb/api';
import { gitRepositoryMessages as messages, say } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import type { KeyFile, Verification } from '@plumb/sources';

type Mode = Verification['mode'];

/** What spec.verify asks for, with the keys as they are now; null when it asks for nothing. */
export async function readVerification(
  { metadata, spec }: GitRepository,
  { cluster, signal }: { cluster: Cluster; signal: AbortSignal },
): Promise<{ verify: Verification | null } | { said: Said }> {
  if (spec.verify === undefined) return { verify: null };
  const { mode = 'HEAD', secretRef } = spec.verify;
  const { namespace = '' } = metadata;
  const { name } = secretRef;
  const secret = await cluster.get({ group: '', version: 'v1', kind: 'Secret', namespace, name }, { signal });
  if (secret === null) return failed(`secrets "${name}" not found`);
  const openpgp = keyFiles(secret, '.asc');
  const ssh = keyFiles(secret, '.sshpub');
  if (openpgp.length + ssh.length === 0)
    return failed(`secret '${namespace}/${name}' has no key that ends in '.asc' (OpenPGP) or '.sshpub' (SSH)`);
  return { verify: { mode: mode === 'head' ? 'HEAD' : (mode satisfies Mode), openpgp, ssh } };
}

function failed(why: string): { said: Said } {
  return { said: say(messages.verificationFailed, { error: `public keys secret error: ${why}` }) };
}

/** In the order of their names, so that the same keys say the same. */
function keyFiles(secret: KubeObject, suffix: string): KeyFile[] {
  const data = (secret['data'] ?? {}) as Record<string, string>;
  const names = Object.keys(data).filter((name) => name.endsWith(suffix));
  return names.sort().map((name) => ({ name, text: Buffer.from(data[name] ?? '', 'base64').toString() }));
}

/** What to say of a failed verification; null when something else failed. */
export function unverifiedSaid({ code, message: error }: PlumbError): Said | null {
  if (code === 'invalid-commit-signature') return say(messages.commitNotVerified, { error });
  if (code === 'invalid-tag-signature') return say(messages.tagNotVerified, { error });
  if (code === 'unsigned-tag') return say(messages.tagNotSigned, { error });
  if (code === 'no-tag') return say(messages.noTag, { error });
  return code === 'engine-failed' ? say(messages.verificationFailed, { error }) : null;
}
