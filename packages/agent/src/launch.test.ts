import { describe, expect, test } from 'vitest';
import { partOptionsOf } from './launch.ts';

const BARE = { dataDir: '/data', enginePath: '/bin/engine' };
const PARTS = { engine: { path: '/bin/engine' }, disk: { dir: '/data' }, downloads: {}, decryption: null };
const DECRYPTION = {
  path: '/bin/decrypt',
  environment: { HTTPS_PROXY: 'http://p' },
  laxMac: false,
  namespace: 'agents',
};
const OPENING = {
  decryptor: { path: '/bin/decrypt', environment: { HTTPS_PROXY: 'http://p' } },
  verifyMac: true,
  surroundings: { namespace: 'agents' },
};
const SURROUNDINGS = { ageSecret: 'ages', vaultConfigMap: 'vaults', vault: { address: 'https://own', token: 't' } };

describe('the parts of an agent process', () => {
  test.each<{ what: string; given: Partial<Parameters<typeof partOptionsOf>[0]>; changes: object }>([
    { what: 'nothing but folder and engine', given: {}, changes: {} },
    {
      what: 'the share of memory of builds',
      given: { engine: { memoryLimit: 1_000, slots: 2 } },
      changes: { engine: { path: '/bin/engine', memoryLimit: 1_000, slots: 2 } },
    },
    {
      what: 'the environment of git',
      given: { gitEnvironment: { PATH: '/bin' } },
      changes: { disk: { dir: '/data', env: { PATH: '/bin' } } },
    },
    {
      what: 'bounds of what is fetched',
      given: { gitLimits: { entries: 1, fileBytes: 2 } },
      changes: { disk: { dir: '/data', limits: { entries: 1, fileBytes: 2 } } },
    },
    {
      what: 'another host for downloads',
      given: { sourceHostOverride: 'near:81' },
      changes: { downloads: { hostOverride: 'near:81' } },
    },
    { what: 'decryption', given: { decryption: DECRYPTION }, changes: { decryption: OPENING } },
    {
      what: 'the share of memory of decryption',
      given: { decryption: DECRYPTION, decryptorLimit: 3_000 },
      changes: { decryption: { ...OPENING, decryptor: { ...OPENING.decryptor, memoryLimit: 3_000 } } },
    },
    {
      what: 'decryption that is lax about MACs',
      given: { decryption: { ...DECRYPTION, laxMac: true } },
      changes: { decryption: { ...OPENING, verifyMac: false } },
    },
    {
      what: "decryption with keys beside the units' own",
      given: { decryption: { ...DECRYPTION, ...SURROUNDINGS } },
      changes: { decryption: { ...OPENING, surroundings: { namespace: 'agents', ...SURROUNDINGS } } },
    },
  ])('are made of $what', ({ given, changes }) => {
    expect(partOptionsOf({ ...BARE, ...given })).toEqual({ ...PARTS, ...changes });
  });
});
