import { createDecryptor } from '@plumb/engine';
import { DECRYPT_PATH, SopsBench } from '@plumb/testkit';
import { afterAll, expect, test } from 'vitest';
import { createRenderer } from '../create-renderer.ts';
import type { Decrypt } from '../decrypt.ts';
import { buildSpec, memoryArtifact, testEngine } from '../testing/memory-artifact.ts';
import { memoryRemotes } from '../testing/memory-remotes.ts';
import { FLEET, overlay } from '../testing/remote-build.ts';

const engine = testEngine();
const decryptor = createDecryptor({ path: DECRYPT_PATH });
const bench = new SopsBench();
afterAll(async () => {
  await engine.close();
  await decryptor.close();
  bench[Symbol.dispose]();
});
const renderer = createRenderer({ engine });
const age = bench.ageKey();
const decrypt: Decrypt = (files, sources) =>
  decryptor.decrypt({ files, sources, keys: { age: [age.file] }, verifyMac: true, deadline: 20_000 });

function encrypt(text: string): string {
  const flags = ['--age', age.recipient, '--encrypted-regex', '^(data|stringData)$'];
  return bench.encrypt(text, { format: 'yaml', flags }).toString();
}

const secret = (name: string): string =>
  encrypt(`apiVersion: v1\nkind: Secret\nmetadata:\n    name: ${name}\nstringData:\n    password: ${name}-s3cr3t\n`);

test('what a remote base declares is opened; what its generators read is not, as in Flux', async () => {
  const file = 'https://files.shop.test/web.yaml';
  const files = encrypt('data:\n    password: f1l3-s3cr3t\n');
  const elsewhere = {
    repositories: {
      [FLEET]: {
        main: {
          'apps/kustomization.yaml':
            'resources: [db.yaml]\nnamePrefix: far-\nconfigMapGenerator: [{name: raw, files: [raw.yaml]}]\nsecretGenerator: [{name: raw, files: [raw.yaml]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n',
          'apps/db.yaml': secret('db'),
          'apps/raw.yaml': files,
        },
      },
    },
    files: { [file]: secret('web') },
  };
  const bundle = await renderer.build(memoryArtifact(overlay(`"${FLEET}//apps?ref=main"`, file)), buildSpec(), {
    deadline: 20_000,
    decrypt,
    remotes: { bases: memoryRemotes(elsewhere), since: 0 },
  });
  const found = Object.fromEntries(bundle.objects.map(({ key, body }) => [`${key.kind} ${key.name}`, body]));
  expect(found['Secret far-db']?.['stringData']).toEqual({ password: 'db-s3cr3t' });
  expect(found['Secret web']?.['stringData']).toEqual({ password: 'web-s3cr3t' });
  expect(found['ConfigMap far-raw']?.['data']).toEqual({ 'raw.yaml': files });
  // A file in a Secret is opened once it is an object.
  const { data } = found['Secret far-raw'] as unknown as { data: Record<string, string> };
  expect(Buffer.from(data['raw.yaml'] ?? '', 'base64').toString()).toContain('f1l3-s3cr3t');
  expect(bundle.secrets).toEqual(expect.arrayContaining(['db-s3cr3t', 'web-s3cr3t']));
});
