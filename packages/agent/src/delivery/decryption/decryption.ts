import type { Kustomization, KubeObject } from '@plumb/api';
import { systemError, userError } from '@plumb/api';
import type { Identity } from '@plumb/cloud';
import { EngineError } from '@plumb/engine';
import type { Decryptor, DecryptKeys, VaultKey } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import type { Decrypt } from '@plumb/render';
import type { Referenced } from '../references.ts';
import type { Identities } from './identities.ts';
import { identityKeys } from './identities.ts';
import { ageKeysIn, keysIn } from './keys.ts';
import { loginPathsIn } from './vault-config.ts';

/** How encrypted files are opened, for all units of an agent. */
export interface DecryptionOptions {
  decryptor: Decryptor;
  /** Whether a file whose values are not those it was encrypted with is refused. */
  verifyMac: boolean;
  /** Null: keys come from Secrets alone. */
  surroundings: Surroundings | null;
}

/** What serves a unit beside its own Secret, by name. */
export interface SurroundingNames {
  /** Where the agent runs: the objects that are named below are there. */
  namespace: string;
  /** A Secret with age keys for units that name none. */
  ageSecret?: string | undefined;
  /** A ConfigMap with the Vault servers that are logged in to. */
  vaultConfigMap?: string | undefined;
  /** The service account of units that name none; undefined: the agent's own identity. */
  defaultServiceAccount?: string | undefined;
  /** The agent's own token for one Vault server. */
  vault?: { address: string; token: string } | undefined;
}

export interface Surroundings extends SurroundingNames {
  identities: Identities;
  /** As the agent itself. */
  cluster: Pick<Cluster, 'get'>;
}

/** Milliseconds. */
interface Limits {
  signal: AbortSignal;
  deadline: number;
}

/**
 * Opens files with the keys a unit may use: those of its Secret first; where they do not do, an identity. Keys are read when something is
 * encrypted, go with the request, and are not kept.
 */
export class Decryption {
  readonly #options: DecryptionOptions;

  constructor(options: DecryptionOptions) {
    this.#options = options;
  }

  /**
   * @returns undefined for a unit without spec.decryption
   * @throws PlumbError `build-failed` when its Secret is not there
   */
  of(unit: Kustomization, referenced: Referenced, limits: Limits): Decrypt | undefined {
    const { decryption } = unit.spec;
    if (decryption === undefined) return undefined;
    const name = decryption.secretRef?.name;
    const secret = name === undefined ? undefined : referenced.get('Secret', name);
    if (secret === null) throw userError('build-failed', `secrets "${name}" not found`);
    const until = performance.now() + limits.deadline;
    return async (files, sources) => {
      const { decryptor, verifyMac, surroundings } = this.#options;
      // Where units act by accounts of their own, the machine's identities are the agent's.
      const instance = surroundings?.defaultServiceAccount === undefined;
      const tenant = unit.metadata.namespace ?? '';
      const request = { files, sources, verifyMac, tenant, ...left(limits, until) };
      try {
        const keys = secret === undefined ? await this.#commonKeys(unit, limits) : keysIn(secret, { instance });
        const answers = await decryptor.decrypt({ ...request, keys });
        const closed = files.filter((_, index) => 'error' in (answers[index] ?? {}));
        const more =
          closed.length === 0
            ? null
            : await this.#moreKeys(unit, keys, { files: closed, tenant, ...left(limits, until) });
        if (more === null) return answers;
        const again = await decryptor.decrypt({ ...request, files: closed, keys: more, ...left(limits, until) });
        return answers.map((answer) => ('error' in answer ? (again.shift() ?? answer) : answer));
      } catch (error) {
        throw explained(error);
      }
    };
  }

  /** For a unit without a Secret. What an identity of its own can do, the agent's does not. */
  async #commonKeys({ spec }: Kustomization, { signal }: Limits): Promise<DecryptKeys> {
    const { surroundings } = this.#options;
    if (surroundings === null) return {};
    const { ageSecret, vault, defaultServiceAccount } = surroundings;
    const keys = ageSecret === undefined ? {} : ageKeysIn(await read('Secret', ageSecret, surroundings, signal));
    const isOwn = (spec.decryption?.serviceAccountName ?? defaultServiceAccount) === undefined;
    if (vault === undefined || !isOwn) return keys;
    const own: Record<string, VaultKey> = { [vault.address.replace(/\/+$/, '')]: { token: vault.token } };
    return { ...keys, vault: own };
  }

  /** Keys by identity, for files that those given do not open; null where none can help. */
  async #moreKeys(
    { spec, metadata }: Kustomization,
    given: DecryptKeys,
    request: Parameters<Decryptor['needs']>[0],
  ): Promise<DecryptKeys | null> {
    const { decryptor, surroundings } = this.#options;
    if (surroundings === null) return null;
    const { defaultServiceAccount, vaultConfigMap, namespace } = surroundings;
    const account = spec.decryption?.serviceAccountName ?? defaultServiceAccount;
    const identity: Identity = account === undefined ? null : { namespace: metadata.namespace ?? '', name: account };
    const loginPaths =
      vaultConfigMap === undefined
        ? null
        : async () => ({
            paths: loginPathsIn(await read('ConfigMap', vaultConfigMap, surroundings, request.signal)),
            name: `${namespace}/${vaultConfigMap}`,
          });
    const needs = await decryptor.needs(request);
    return identityKeys(needs, given, { identity, identities: surroundings.identities, loginPaths });
  }
}

/** Of an agent that has no program to decrypt with. */
export const withoutDecryption: Pick<Decryption, 'of'> = {
  of({ spec }) {
    if (spec.decryption === undefined) return undefined;
    throw systemError('engine-failed', 'this agent was started without the program that decrypts');
  },
};

async function read(
  kind: 'ConfigMap' | 'Secret',
  name: string,
  { cluster, namespace }: Surroundings,
  signal: AbortSignal | undefined,
): Promise<KubeObject> {
  const key = { group: '', version: 'v1', kind, namespace, name };
  const object = await cluster.get(key, signal === undefined ? {} : { signal });
  if (object !== null) return object;
  throw userError('build-failed', `${kind.toLowerCase()}s "${name}" not found in the agent's namespace ${namespace}`);
}

function left({ signal }: Limits, until: number): { signal: AbortSignal; deadline: number } {
  return { signal, deadline: Math.max(1, Math.ceil(until - performance.now())) };
}

function explained(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const text = `the decryption failed: ${error.message}`;
  if (error.code === 'timeout' || error.code === 'cancelled') return systemError(error.code, text, error);
  return systemError('engine-failed', text, error);
}
