/** What the command line says of tenants. */
export interface TenancyOptions {
  noCrossNamespaceRefs: boolean;
  noRemoteBases: boolean;
  defaultServiceAccount: string;
  defaultKubeconfigServiceAccount: string;
  defaultDecryptionServiceAccount: string;
  tenancyLockdown: boolean;
}

/** Accounts are those for units that name none; undefined: the agent's own identity. */
export interface Tenancy {
  crossNamespaceRefs: boolean;
  remoteBases: boolean;
  applyAccount: string | undefined;
  kubeconfigAccount: string | undefined;
  decryptionAccount: string | undefined;
  /** Logs in at clouds for sources. */
  sourceAccount: string | undefined;
}

/** Locked down, no source of another namespace and no base of another server is used, and no object acts as the agent itself. */
export function tenancyOf(options: TenancyOptions): Tenancy {
  const locked = options.tenancyLockdown;
  const account = (name: string): string | undefined => name || (locked ? 'default' : undefined);
  return {
    crossNamespaceRefs: !locked && !options.noCrossNamespaceRefs,
    remoteBases: !locked && !options.noRemoteBases,
    applyAccount: account(options.defaultServiceAccount),
    kubeconfigAccount: account(options.defaultKubeconfigServiceAccount),
    decryptionAccount: account(options.defaultDecryptionServiceAccount),
    sourceAccount: account(''),
  };
}
