import { createHash } from 'node:crypto';
import { printJson, userError, type JsonObject } from '@plumb/api';
import type { Access } from './access/access.ts';
import { givenKubeconfig, type KubeconfigRules } from './access/given-kubeconfig.ts';
import { selectEntry, text } from './access/kubeconfig-entry.ts';
import { parseKubeconfig } from './access/kubeconfig-text.ts';
import { TokenAccess, type TokenSource } from './access/token-access.ts';
import { ToldAccess } from './access/told-access.ts';
import { clusterOver } from './cluster-over.ts';
import type { Cluster, RequestCounter } from './cluster.ts';

/** An API server beside the agent's own, and how to prove to it who we are. */
export interface Remote {
  /** Digest of address and credentials: the same text, the same connection. */
  readonly id: string;
  /** Digest of the address and the proxy it is reached through: the same text, the same cluster, whoever we are there. */
  readonly place: string;
  /** `host:port` */
  readonly host: string;
  readonly access: Access;
}

export interface RemoteOptions {
  userAgent?: string;
  counter?: RequestCounter;
  /** Told each time the server refuses the credentials. */
  onRefused?: () => void;
}

/** A cluster far away may hang without a word: it is found out sooner than the one beside us, and given as long as Flux gives one. */
const KEEP_ALIVE = { interval: 5_000, deadline: 5_000 };
const LIMITS = { timeout: 30_000, body: 64 * 1024 * 1024 };
const MAX_IN_FLIGHT = 64;

/**
 * The current context of a kubeconfig given as text (YAML or JSON), with all it needs inline.
 * @throws PlumbError invalid-spec, invalid-url, access-denied; its text holds no value of the kubeconfig but the server
 */
export function remoteOf(kubeconfig: string, rules: KubeconfigRules): Remote {
  const { entry, access } = givenKubeconfig(kubeconfig, rules);
  const { cluster, user } = entry;
  return remoteWith(access, [printJson(sorted(cluster)), printJson(sorted(user))]);
}

/** A server by its address, with a token that something else keeps fresh. `ca` in PEM; undefined: the CAs this system trusts. */
export function remoteByToken(
  at: { address: string; ca: string | undefined },
  source: TokenSource & { /** Names the identity behind the token. */ id: string },
): Remote {
  const access = new TokenAccess(serverOf(at.address), at.ca, source);
  return remoteWith(access, [at.ca ?? '', source.id]);
}

/** Connects to another API server. The connection itself is opened by the first request, and again whenever it is lost. */
export function connectRemote({ access }: Remote, options: RemoteOptions = {}): Cluster {
  const { userAgent = 'plumb', counter, onRefused = () => undefined } = options;
  const settings = { userAgent, counter, maxInFlight: MAX_IN_FLIGHT, keepAlive: KEEP_ALIVE, limits: LIMITS };
  return clusterOver(new ToldAccess(access, onRefused), settings);
}

/** Address and CA of the server that a kubeconfig's current context names, whatever its user is. @throws invalid-spec, invalid-url */
export function serverIn(kubeconfig: string): { address: string; ca: string | undefined } {
  const { cluster, server } = selectEntry(parseKubeconfig(kubeconfig, 'the kubeconfig'), undefined);
  const data = text(cluster, 'certificate-authority-data');
  return { address: server.href, ca: data === undefined ? undefined : Buffer.from(data, 'base64').toString() };
}

function remoteWith(access: Access, parts: readonly string[]): Remote {
  const { href, host, port, protocol } = access.server;
  // Behind another proxy the same address may be another cluster.
  const place = digest(access.proxy === undefined ? [href] : [href, access.proxy.host]);
  const standard = protocol === 'http:' ? '80' : '443';
  return { id: digest([href, ...parts]), place, host: port === '' ? `${host}:${standard}` : host, access };
}

/** `https://` may be left out, as in Flux's ConfigMaps. */
function serverOf(address: string): URL {
  const url = URL.parse(/^https?:/.test(address) ? address : `https://${address}`);
  if (url?.protocol === 'https:') return url;
  throw userError('invalid-url', `the address "${address}" is not that of an API server over https`);
}

/** Whoever wrote it may have put its fields in any order. */
function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function digest(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex');
}
