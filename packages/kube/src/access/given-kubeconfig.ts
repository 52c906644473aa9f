import { userError, type JsonObject } from '@plumb/api';
import type { Access } from './access.ts';
import { KubeconfigAccess } from './kubeconfig-access.ts';
import { selectEntry, text, type KubeconfigEntry } from './kubeconfig-entry.ts';
import { parseKubeconfig } from './kubeconfig-text.ts';
import { PluginAccess } from './plugin-access.ts';

/** What a kubeconfig that somebody else wrote may make this process do (Flux: pkg/runtime/client KubeConfigOptions). */
export interface KubeconfigRules {
  /** Run the program it names. */
  readonly exec: boolean;
  /** Send credentials to a server that does not prove who it is. */
  readonly insecureTls: boolean;
}

/** Fields that name a file of the machine this runs on, each with the one that holds the same in the kubeconfig itself. */
const FILES = {
  cluster: { 'certificate-authority': 'certificate-authority-data' },
  user: { 'client-certificate': 'client-certificate-data', 'client-key': 'client-key-data', tokenFile: 'token' },
} as const;

/**
 * The current context of a kubeconfig that came as text, from somebody who may not use this machine's files and programs.
 * @throws invalid-spec, invalid-url, access-denied naming the field that cannot be used; never a value of it
 */
export function givenKubeconfig(given: string, rules: KubeconfigRules): { entry: KubeconfigEntry; access: Access } {
  const entry = selectEntry(parseKubeconfig(given, 'the kubeconfig'), undefined);
  refuseFiles(entry.cluster, FILES.cluster);
  refuseFiles(entry.user, FILES.user);
  refuseInsecure(entry, rules);
  if (entry.user['auth-provider'] !== undefined) throw denied("the kubeconfig's user has an auth-provider", 'a token');
  if (entry.user['exec'] === undefined) return { entry, access: new KubeconfigAccess(entry, '/') };
  if (!rules.exec) {
    throw denied(
      "the kubeconfig's user runs a program (exec)",
      'a token or a certificate',
      '--insecure-kubeconfig-exec',
    );
  }
  return { entry, access: new PluginAccess(entry, '/') };
}

function refuseFiles(part: JsonObject, fields: Readonly<Record<string, string>>): void {
  for (const [field, inline] of Object.entries(fields)) {
    if (text(part, field) !== undefined) throw denied(`the kubeconfig names a file (${field})`, inline);
  }
}

function refuseInsecure({ cluster, server }: KubeconfigEntry, { insecureTls }: KubeconfigRules): void {
  if (insecureTls) return;
  const flag = '--insecure-kubeconfig-tls';
  if (cluster['insecure-skip-tls-verify'] === true)
    throw denied("the kubeconfig does not check the server's certificate (insecure-skip-tls-verify)", 'its CA', flag);
  if (server.protocol === 'http:') throw denied('the kubeconfig names a server without TLS', 'an https URL', flag);
}

function denied(what: string, instead: string, flag?: string): Error {
  const allow = flag === undefined ? '' : `, or allow it with ${flag}`;
  return userError('access-denied', `${what}: use ${instead}${allow}`);
}
