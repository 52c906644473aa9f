import { describe, expect, test } from 'vitest';
import { agentOptions } from './commands/agent.ts';
import { readOptions } from './options.ts';
import { tenancyOf } from './tenancy.ts';

const OPEN = {
  crossNamespaceRefs: true,
  remoteBases: true,
  applyAccount: undefined,
  kubeconfigAccount: undefined,
  decryptionAccount: undefined,
  sourceAccount: undefined,
};
const LOCKED = {
  crossNamespaceRefs: false,
  remoteBases: false,
  applyAccount: 'default',
  kubeconfigAccount: 'default',
  decryptionAccount: 'default',
  sourceAccount: 'default',
};

describe('tenancyOf', () => {
  test.each([
    ['nothing', {}, OPEN],
    ['--no-cross-namespace-refs', { noCrossNamespaceRefs: true }, { ...OPEN, crossNamespaceRefs: false }],
    ['--no-remote-bases', { noRemoteBases: true }, { ...OPEN, remoteBases: false }],
    ['an account for units', { defaultServiceAccount: 'deployer' }, { ...OPEN, applyAccount: 'deployer' }],
    ['one for kubeconfigs', { defaultKubeconfigServiceAccount: 'far' }, { ...OPEN, kubeconfigAccount: 'far' }],
    ['one for key services', { defaultDecryptionServiceAccount: 'keys' }, { ...OPEN, decryptionAccount: 'keys' }],
    ['--tenancy-lockdown', { tenancyLockdown: true }, LOCKED],
    [
      'the lockdown with accounts of its own',
      { tenancyLockdown: true, defaultServiceAccount: 'deployer', defaultKubeconfigServiceAccount: 'far' },
      { ...LOCKED, applyAccount: 'deployer', kubeconfigAccount: 'far' },
    ],
    [
      'the lockdown against flags that say the opposite',
      { tenancyLockdown: true, noRemoteBases: 'false', noCrossNamespaceRefs: 'false' },
      LOCKED,
    ],
  ])('with %s', (_name, given, expected) => {
    expect(tenancyOf(readOptions(agentOptions, given, {}))).toEqual(expected);
  });
});
