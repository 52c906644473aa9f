import { describe, expect, test } from 'vitest';
import type { Context } from '../context.ts';
import { readOptions } from '../options.ts';
import { agentOptions, connectionOf, settingsOf } from './agent.ts';

const MIB = 1024 * 1024;
const WORLD = { root: '/clone', program: '/clone/plumb', memoryLimit: null, environment: {} };

/** The agent's settings without a flag: a row of the table below says what its flag changes of them. */
const DEFAULTS = {
  version: '/clone/plumb',
  enginePath: '/clone/build/engine',
  dataDir: '/data',
  host: '127.0.0.1',
  artifactPort: 9090,
  metricsPort: 8080,
  healthPort: 9440,
  concurrent: 8,
  concurrentApplies: 16,
  dependencyInterval: 30_000,
  jitterPercent: 5,
  crossNamespaceRefs: true,
  additiveReadyExpr: false,
  externalArtifacts: false,
  gates: true,
  remoteBases: true,
  gitEnvironment: {},
  gitLimits: {
    entries: 250_000,
    fileBytes: 100 * MIB,
    totalBytes: 2_048 * MIB,
    fetchBytes: 2_048 * MIB,
    setBy: {
      entries: '--git-max-entries',
      fileBytes: '--git-max-file-size',
      totalBytes: '--git-max-size',
      fetchBytes: '--git-max-fetch',
    },
  },
  leaseNamespace: 'flux-system',
  defaultServiceAccount: undefined,
  defaultSourceAccount: undefined,
  remoteClusters: { rules: { exec: false, insecureTls: false }, defaultAccount: undefined },
  clouds: { environment: {} },
  configSelector: 'reconcile.fluxcd.io/watch=Enabled',
  strictSubstitutions: true,
  decryption: {
    path: '/clone/build/decrypt',
    environment: {},
    laxMac: false,
    namespace: 'flux-system',
    ageSecret: undefined,
    vaultConfigMap: undefined,
    vault: undefined,
    defaultServiceAccount: undefined,
  },
  customStageKinds: [],
  overriddenManagers: [],
};
const { gitLimits, remoteClusters, decryption } = DEFAULTS;

interface Row {
  flag: string;
  env?: string;
  given: string;
  changes: Record<string, unknown>;
}

const ROWS: readonly Row[] = [
  { flag: '--data-dir', env: 'PLUMB_DATA_DIR', given: '/disk', changes: { dataDir: '/disk' } },
  { flag: '--engine-path', env: 'PLUMB_ENGINE_PATH', given: '/bin/e', changes: { enginePath: '/bin/e' } },
  { flag: '--watch-all-namespaces', given: 'false', changes: { namespace: 'flux-system' } },
  { flag: '--watch-label-selector', given: 'shard=a', changes: { labelSelector: 'shard=a' } },
  {
    flag: '--runtime-namespace',
    env: 'RUNTIME_NAMESPACE',
    given: 'agents',
    changes: { leaseNamespace: 'agents', decryption: { ...decryption, namespace: 'agents' } },
  },
  { flag: '--enable-leader-election', given: 'false', changes: { leaseNamespace: undefined } },
  { flag: '--host', given: '0.0.0.0', changes: { host: '0.0.0.0' } },
  { flag: '--storage-port', given: '1', changes: { artifactPort: 1 } },
  { flag: '--storage-adv-addr', env: 'STORAGE_ADV_ADDR', given: 'me:80', changes: { advertisedHost: 'me:80' } },
  { flag: '--metrics-port', given: '2', changes: { metricsPort: 2 } },
  { flag: '--health-port', given: '3', changes: { healthPort: 3 } },
  { flag: '--concurrent', given: '4', changes: { concurrent: 4 } },
  { flag: '--concurrent-ssa', given: '5', changes: { concurrentApplies: 5 } },
  { flag: '--git-max-entries', given: '6', changes: { gitLimits: { ...gitLimits, entries: 6 } } },
  { flag: '--git-max-file-size', given: '7', changes: { gitLimits: { ...gitLimits, fileBytes: 7 * MIB } } },
  { flag: '--git-max-size', given: '8', changes: { gitLimits: { ...gitLimits, totalBytes: 8 * MIB } } },
  { flag: '--git-max-fetch', given: '9', changes: { gitLimits: { ...gitLimits, fetchBytes: 9 * MIB } } },
  { flag: '--requeue-dependency', given: '1m30s', changes: { dependencyInterval: 90_000 } },
  { flag: '--interval-jitter-percentage', given: '10', changes: { jitterPercent: 10 } },
  { flag: '--no-cross-namespace-refs', given: '', changes: { crossNamespaceRefs: false } },
  { flag: '--additive-cel-dependency-check', given: '', changes: { additiveReadyExpr: true } },
  { flag: '--external-artifacts', given: '', changes: { externalArtifacts: true } },
  {
    flag: '--source-host-override',
    env: 'SOURCE_CONTROLLER_LOCALHOST',
    given: 'near:81',
    changes: { sourceHostOverride: 'near:81' },
  },
  { flag: '--no-remote-bases', given: '', changes: { remoteBases: false } },
  { flag: '--default-service-account', given: 'tenant', changes: { defaultServiceAccount: 'tenant' } },
  {
    flag: '--tenancy-lockdown',
    given: '',
    changes: {
      crossNamespaceRefs: false,
      remoteBases: false,
      defaultServiceAccount: 'default',
      defaultSourceAccount: 'default',
      remoteClusters: { ...remoteClusters, defaultAccount: 'default' },
      decryption: { ...decryption, defaultServiceAccount: 'default' },
    },
  },
  {
    flag: '--insecure-kubeconfig-exec',
    given: '',
    changes: { remoteClusters: { ...remoteClusters, rules: { exec: true, insecureTls: false } } },
  },
  {
    flag: '--insecure-kubeconfig-tls',
    given: '',
    changes: { remoteClusters: { ...remoteClusters, rules: { exec: false, insecureTls: true } } },
  },
  {
    flag: '--default-kubeconfig-service-account',
    given: 'far',
    changes: { remoteClusters: { ...remoteClusters, defaultAccount: 'far' } },
  },
  {
    flag: '--custom-apply-stage-kinds',
    given: 'apps/Deployment,Secret',
    changes: {
      customStageKinds: [
        { group: 'apps', kind: 'Deployment' },
        { group: '', kind: 'Secret' },
      ],
    },
  },
  { flag: '--watch-configs-label-selector', given: 'a=b', changes: { configSelector: 'a=b' } },
  { flag: '--strict-substitutions', given: 'false', changes: { strictSubstitutions: false } },
  {
    flag: '--decrypt-path',
    env: 'PLUMB_DECRYPT_PATH',
    given: '/bin/d',
    changes: { decryption: { ...decryption, path: '/bin/d' } },
  },
  { flag: '--sops-age-secret', given: 'ages', changes: { decryption: { ...decryption, ageSecret: 'ages' } } },
  {
    flag: '--sops-vault-configmap',
    given: 'vaults',
    changes: { decryption: { ...decryption, vaultConfigMap: 'vaults' } },
  },
  {
    flag: '--default-decryption-service-account',
    given: 'keys',
    changes: { decryption: { ...decryption, defaultServiceAccount: 'keys' } },
  },
  { flag: '--sops-lax-mac', given: '', changes: { decryption: { ...decryption, laxMac: true } } },
  { flag: '--override-manager', given: 'helm, argocd', changes: { overriddenManagers: ['helm', 'argocd'] } },
];

type Given = Readonly<Record<string, string>>;

/** What flags, as they are written, and variables make of the options. */
function optionsOf(flags: Given, environment: Given = {}): Parameters<typeof settingsOf>[0] {
  const specs = Object.entries(agentOptions);
  const named = Object.entries(flags).map(([flag, text]) => {
    const [name] = specs.find(([, spec]) => spec.flag.split(' ', 1)[0] === flag) ?? [];
    if (name === undefined) throw new Error(`the agent has no ${flag}`);
    return [name, text];
  });
  return readOptions(agentOptions, Object.fromEntries(named) as Given, environment);
}

const settings = (flags: Given, world: Partial<Context> = {}, cores = 4): object =>
  settingsOf(optionsOf(flags), { ...WORLD, ...world }, cores);

describe('the settings of an agent', () => {
  test('without a flag are the defaults', () => {
    expect(settings({})).toEqual(DEFAULTS);
  });

  test.each(ROWS)('with $flag $given change by that alone', ({ flag, given, changes }) => {
    expect(settings({ [flag]: given })).toEqual({ ...DEFAULTS, ...changes });
  });

  test.each(ROWS.flatMap((row) => (row.env === undefined ? [] : [{ ...row, env: row.env }])))(
    'with $env in the environment are as with $flag',
    ({ env, given, changes }) => {
      expect(settingsOf(optionsOf({}, { [env]: given }), WORLD, 4)).toEqual({ ...DEFAULTS, ...changes });
    },
  );

  test('each flag is in the table, but for those of the connection', () => {
    const flags = Object.values(agentOptions).map((spec) => spec.flag.split(' ', 1)[0]);
    expect(['--kubeconfig', '--context', ...ROWS.map(({ flag }) => flag)]).toEqual(flags);
  });

  test('keep the lease of an agent of one namespace in that namespace', () => {
    const flags = { '--watch-all-namespaces': 'false', '--runtime-namespace': 'shop' };
    expect(settings(flags)).toMatchObject({ namespace: 'shop', leaseNamespace: 'shop' });
  });

  test('share out the memory this process is bound to, among as many builds as there are cores', () => {
    const bound = settings({}, { memoryLimit: 8_192 * MIB }, 3);
    expect(bound).toEqual({
      ...DEFAULTS,
      bodiesLimit: 64 * MIB,
      decryptorLimit: 512 * MIB,
      engine: { memoryLimit: 768 * MIB, slots: 3 },
    });
  });

  test('give git and decryption their parts of the environment, and the clouds all of it', () => {
    const environment = {
      PATH: '/bin',
      HTTPS_PROXY: 'http://p',
      SSL_CERT_FILE: '/ca',
      AWS_ROLE_ARN: 'arn',
      HOME: '/me',
    };
    expect(settings({}, { environment })).toEqual({
      ...DEFAULTS,
      gitEnvironment: { PATH: '/bin', HTTPS_PROXY: 'http://p' },
      clouds: { environment },
      decryption: { ...decryption, environment: { HTTPS_PROXY: 'http://p', SSL_CERT_FILE: '/ca' } },
    });
  });
});

describe('an option that cannot be read is told by its flag, before the agent starts', () => {
  test.each([
    ['--git-max-size', '0', "--git-max-size: '0' is not a whole number from 1 to 1048576"],
    ['--requeue-dependency', 'soon', "--requeue-dependency: invalid duration 'soon'"],
    ['--custom-apply-stage-kinds', 'role', "--custom-apply-stage-kinds: 'role' is not a kind"],
    ['--watch-label-selector', 'a in', '--watch-label-selector: '],
  ])('%s %s', (flag, given, says) => {
    expect(() => optionsOf({ [flag]: given })).toThrow(says);
  });
});

describe('the API server', () => {
  const pod = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

  test.each<[string, Given, Given, ReturnType<typeof connectionOf>]>([
    ['of the pod, without a kubeconfig', {}, pod, { inCluster: { host: '10.0.0.1', port: '443' } }],
    ['of a pod that does not know it', {}, {}, { inCluster: {} }],
    ['of --kubeconfig', { '--kubeconfig': '/mine' }, { ...pod, KUBECONFIG: '/other' }, { kubeconfig: '/mine' }],
    ['of KUBECONFIG', {}, { KUBECONFIG: '/mine' }, { kubeconfig: '/mine' }],
    ['of --context', { '--kubeconfig': '/mine', '--context': 'x' }, {}, { kubeconfig: '/mine', context: 'x' }],
  ])('is that %s', (_what, flags, environment, expected) => {
    expect(connectionOf(optionsOf(flags, environment), environment)).toEqual(expected);
  });
});
