import { describe, expect, test } from 'vitest';
import { IgnoreRules, type IgnoreText } from './ignore-rules.ts';

function excluded(texts: readonly IgnoreText[], paths: readonly string[]): string[] {
  const rules = new IgnoreRules(texts);
  return paths.filter((path) => rules.excludes(path.replace(/\/$/, ''), path.endsWith('/')));
}

const root = (text: string): IgnoreText[] => [{ dir: '', text }];

describe('without a pattern', () => {
  test('Flux leaves out pictures, archives, CI files and its own settings', () => {
    const out = [
      'logo.png',
      'a/b/photo.JPEG'.toLowerCase(),
      'x.zip',
      'a/x.tar.gz',
      '.github/',
      '.github/a.yml',
      '.travis.yml',
      'a/.sops.yaml',
      '.flux.yaml',
      'a/.gitignore',
      '.gitmodules',
    ];
    expect(excluded([], out)).toEqual(out);
    expect(excluded([], ['deploy.yaml', 'png', 'a.PNG', '.gitlab/x', '.sourceignore', 'x.tar'])).toEqual([]);
  });

  test('a file of comments states nothing', () => {
    expect(excluded(root('# nothing\n\n   \n'), ['logo.png'])).toEqual(['logo.png']);
    expect(new IgnoreRules(root('# nothing\n')).name).toBe('default');
  });
});

describe('with a pattern', () => {
  test('all defaults but the VCS files come back', () => {
    expect(excluded(root('*.md'), ['logo.png', '.github/a.yml', '.gitignore', 'README.md'])).toEqual([
      '.gitignore',
      'README.md',
    ]);
  });

  test.each<[text: string, out: string[], kept: string[]]>([
    ['/*\n!/deploy', ['apps/', 'apps/a.yaml', 'x.yaml'], ['deploy/', 'deploy/a/b.yaml']],
    ['/*\n!/deploy/\n/deploy/**/*.md', ['apps/a.yaml', 'deploy/x/a.md'], ['deploy/a.yaml']],
    [
      '/*\n!/clusters/prod',
      ['apps/a.yaml', 'clusters/dev/a.yaml', 'clusters/'],
      ['clusters/prod/', 'clusters/prod/a/b.yaml'],
    ],
    ['tmp/\n!tmp/keep.yaml', ['tmp/a.yaml', 'tmp/'], ['tmp/keep.yaml']],
    ['docs/', ['docs/', 'a/docs/x'], ['docs']],
    ['*.YAML', [], ['a.yaml']],
    ['a.yaml\n!a.yaml\na.yaml', ['a.yaml'], []],
    ['\\#x', ['#x'], []],
    ['a b \r\nc', ['a b', 'c'], []],
  ])('%j', (text, out, kept) => {
    expect(excluded(root(text), [...out, ...kept])).toEqual(out);
  });

  test('a .sourceignore speaks of its own folder, and the deeper one comes later', () => {
    const texts = [
      { dir: '', text: '*.md' },
      { dir: 'apps/a', text: '!README.md\n/local' },
    ];
    expect(excluded(texts, ['README.md', 'apps/a/README.md', 'apps/a/local', 'apps/b/local', 'local'])).toEqual([
      'README.md',
      'apps/a/local',
    ]);
  });
});

describe('the name of the rules', () => {
  test('is equal exactly when the patterns are', () => {
    const one = new IgnoreRules(root('a\nb')).name;
    expect(new IgnoreRules(root('# note\na\n\nb\n')).name).toBe(one);
    expect(new IgnoreRules(root('b\na')).name).not.toBe(one);
    expect(new IgnoreRules([{ dir: 'x', text: 'a\nb' }]).name).not.toBe(one);
  });
});

describe('an excluded folder is walked only where something may be taken back', () => {
  test.each<[pattern: string, folder: string, may: boolean]>([
    ['!/deploy/prod', 'deploy', true],
    ['!/deploy/prod', 'deploy/prod/x', true],
    ['!/deploy/prod', 'apps', false],
    ['!/deploy/prod', 'deploy/dev', false],
    ['!/deploy/*/x', 'deploy/dev', true],
    ['!**/x', 'anything', true],
    ['!keep.yaml', 'anything', true],
    ['!/top/', 'anything', false],
  ])('%s below %s: %s', (pattern, folder, may) => {
    expect(new IgnoreRules(root(`/*\n${pattern}`)).mayTakeBackBelow(folder)).toBe(may);
  });
});
