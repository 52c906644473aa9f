import type { GitRepository, KubeObject, Said } from '@plumb/api';
import { asPlumbError, gitRepositoryMessages as messages, say } from '@plumb/api';
import type { GitAuth, GithubAppAuth, GitProxy } from '@plumb/sources';
import type { Hands } from './act.ts';
import { cloudLogin } from './cloud-login.ts';

/** What a fetch needs beside its address. */
export interface Credentials {
  auth: GitAuth;
  proxy?: GitProxy;
  /** To be called when the host refuses them. */
  refused?: () => void;
}

/** `stalled`: nothing but a change of the spec can help. */
type Read = Credentials | { said: Said } | { stalled: Said };
type Reach = Pick<Hands, 'cluster' | 'identities' | 'defaultServiceAccount' | 'signal'>;
type Text = (field: string) => string | undefined;

/** Reads the secrets that a GitRepository names. */
export async function readCredentials(object: GitRepository, hands: Reach): Promise<Read> {
  const { secretRef, proxySecretRef, provider, url } = object.spec;
  const namespace = object.metadata.namespace ?? '';
  let auth: GitAuth = {};
  if (secretRef === undefined && provider === 'github') return { stalled: say(messages.providerWithoutApp, {}) };
  if (secretRef === undefined && url.startsWith('ssh:') && !isCloud(provider)) return invalid(NO_IDENTITY);
  if (secretRef !== undefined) {
    const { name } = secretRef;
    const secret = await read(namespace, name, hands);
    if (secret === null)
      return { said: say(messages.secretFailed, { namespace, name, error: `secrets "${name}" not found` }) };
    const found = authOf(secret, object);
    if (!('auth' in found)) return found;
    ({ auth } = found);
  }
  const found = await readProxy(namespace, proxySecretRef?.name, hands);
  if ('said' in found) return found;
  return isCloud(provider) ? withCloudLogin(object, { ...found, auth }, provider, hands) : { ...found, auth };
}

async function readProxy(
  namespace: string,
  name: string | undefined,
  hands: Reach,
): Promise<{ proxy?: GitProxy } | { said: Said }> {
  if (name === undefined) return {};
  const secret = await read(namespace, name, hands);
  const proxy = secret === null ? `secrets "${name}" not found` : proxyOf(secret);
  if (typeof proxy !== 'string') return { proxy };
  return { said: say(messages.proxyInvalid, { error: `invalid proxy secret '${namespace}/${name}': ${proxy}` }) };
}

function isCloud(provider: string | undefined): provider is 'aws' | 'azure' {
  return provider === 'aws' || provider === 'azure';
}

/** What the cloud gives goes before user and password of a Secret, as in Flux. */
async function withCloudLogin(
  object: GitRepository,
  { auth, proxy }: Credentials,
  provider: 'aws' | 'azure',
  { identities, defaultServiceAccount }: Reach,
): Promise<Read> {
  const trust: GitAuth = auth.ca === undefined ? {} : { ca: auth.ca };
  try {
    const login = await cloudLogin(object, provider, { identities, proxy, defaultServiceAccount });
    return { auth: { ...trust, ...login.auth }, refused: login.refused, ...(proxy && { proxy }) };
  } catch (thrown) {
    const { code, message } = asPlumbError(thrown);
    if (code === 'cancelled') throw thrown;
    return invalid(message);
  }
}

const NO_IDENTITY = "invalid 'ssh' auth option: 'identity' is required";

function read(namespace: string, name: string, { cluster, signal }: Reach): Promise<KubeObject | null> {
  return cluster.get({ group: '', version: 'v1', kind: 'Secret', namespace, name }, { signal });
}

function invalid(error: string): { said: Said } {
  return { said: say(messages.credentialsInvalid, { error }) };
}

/**
 * Flux's keys: username and password, or bearerToken; for ssh identity, known_hosts and the key's password; githubApp* with the
 * provider github; ca.crt (caFile of old) beside them.
 */
function authOf(secret: KubeObject, { spec }: Pick<GitRepository, 'spec'>): Read {
  const { namespace = '', name } = secret.metadata;
  const text = textsOf(secret);
  const ca = text('ca.crt') ?? text('caFile');
  const trust: GitAuth = ca === undefined ? {} : { ca };
  if (spec.provider === 'github') {
    if (!text('githubAppID')) return { stalled: say(messages.providerWithoutApp, {}) };
    const githubApp = appOf(text);
    if (typeof githubApp === 'string') return invalid(`secret '${namespace}/${name}' ${githubApp}`);
    return { auth: { ...trust, githubApp } };
  }
  if (text('githubAppID') !== undefined) return { stalled: say(messages.appWithoutProvider, { namespace, name }) };
  if (isCloud(spec.provider)) return { auth: trust };
  if (spec.url.startsWith('ssh:')) return sshOf(text);
  return basicOf(text, { trust, place: `secret '${namespace}/${name}'` });
}

function sshOf(text: Text): Read {
  const [identity, knownHosts, password] = [text('identity'), text('known_hosts'), text('password')];
  if (!identity) return invalid(NO_IDENTITY);
  if (!knownHosts) return invalid("invalid 'ssh' auth option: 'known_hosts' is required");
  return { auth: { ssh: { identity, knownHosts, ...(password !== undefined && { password }) } } };
}

function basicOf(text: Text, { trust, place }: { trust: GitAuth; place: string }): Read {
  const [username, password, bearerToken] = [text('username'), text('password'), text('bearerToken')];
  if (bearerToken !== undefined && (username !== undefined || password !== undefined))
    return invalid(`${place} holds both 'bearerToken' and 'username'/'password': give one of them`);
  if ((username === undefined) !== (password === undefined))
    return invalid(`${place} needs both 'username' and 'password'`);
  const auth: GitAuth = { ...trust };
  if (username !== undefined && password !== undefined) Object.assign(auth, { username, password });
  if (bearerToken !== undefined) auth.bearerToken = bearerToken;
  return { auth };
}

/** The App of a secret, or what is wrong with it: one of the installation's id and its owner is needed, as in Flux. */
function appOf(text: Text): GithubAppAuth | string {
  const [id, owner] = [text('githubAppInstallationID'), text('githubAppInstallationOwner')];
  const privateKey = text('githubAppPrivateKey');
  if (!privateKey) return "needs 'githubAppPrivateKey'";
  if (id && owner) return "holds both 'githubAppInstallationID' and 'githubAppInstallationOwner': give one of them";
  const installation = id ? { id } : owner ? { owner } : null;
  if (installation === null) return "needs 'githubAppInstallationID' or 'githubAppInstallationOwner'";
  const baseUrl = text('githubAppBaseURL');
  return { appId: text('githubAppID') ?? '', installation, privateKey, ...(baseUrl && { baseUrl }) };
}

/** The proxy of a secret, or what is wrong with it; never a value of it. */
function proxyOf(secret: KubeObject): GitProxy | string {
  const text = textsOf(secret);
  const address = text('address')?.trim();
  if (!address) return "key 'address' is missing";
  const url = URL.parse(address);
  if (url === null || !['http:', 'https:', 'socks5:'].includes(url.protocol) || url.hostname === '')
    return "key 'address' is not an address such as http://proxy.example:3128 or socks5://proxy.example:1080";
  if (url.username !== '' || url.password !== '')
    return "key 'address' holds credentials: use 'username' and 'password'";
  const [username, password] = [text('username'), text('password')];
  if (username === undefined && password !== undefined) return "it has a 'password' but no 'username'";
  return { address, ...(username !== undefined && { username, password: password ?? '' }) };
}

function textsOf(secret: KubeObject): Text {
  const data = (secret['data'] ?? {}) as Record<string, string>;
  return (field) => {
    const value = data[field];
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
  };
}
