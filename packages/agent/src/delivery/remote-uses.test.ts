import { expect, test } from 'vitest';
import { remoteUses } from './remote-uses.ts';

const tree = (url: string, revision: string) => ({
  url,
  ref: 'main',
  submodules: true,
  revision,
  folders: [],
  ids: new Map<string, string>(),
});
const bundle = (...remotes: (ReturnType<typeof tree> | { url: string; digest: string })[]) => ({
  reads: { rules: '', ids: new Map<string, string>(), remotes },
});

test('what bundles were made from is in use: commits by repository, and files', () => {
  const uses = remoteUses([
    bundle(tree('https://a', '1'), tree('https://b', '2'), { url: 'https://f', digest: 'sha256:f' }),
    bundle(),
    bundle(tree('https://a', '3')),
  ]);
  expect(uses).toEqual({
    commits: new Map([
      ['https://a', new Set(['1', '3'])],
      ['https://b', new Set(['2'])],
    ]),
    files: new Set(['sha256:f']),
  });
});
