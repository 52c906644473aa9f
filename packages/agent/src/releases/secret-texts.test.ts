import { describe, expect, test } from 'vitest';
import { secretTexts } from './secret-texts.ts';

const FILE = `database:
  password: "hunter2 long"
  users: [{name: root, keys: {a: flow-one, b: flow-two}}]
  folded: >-
    one line
    and its end
  cert: |
    -----BEGIN-----
    MIIBszCCAVmg
    -----END-----
  base: &base anchored-text
  again: *base
  escaped: "tab\\there"
  port: 543
  pin: 0123456
  serial: 9007199254740993
  on: true
  config: |
    {"inner": {"token": "json-token"}}
  more: |
    deep:
      key: yaml-token
`;

describe('of a file of values', () => {
  test.each([
    ['the whole', FILE],
    ['a quoted text', 'hunter2 long'],
    ['what stands in flow style', 'flow-one'],
    ['the last of it', 'flow-two'],
    ['a text in a list', 'root'],
    ['a folded text', 'one line and its end'],
    ['a text of lines', '-----BEGIN-----\nMIIBszCCAVmg\n-----END-----\n'],
    ['each of its lines', 'MIIBszCCAVmg'],
    ['what an anchor names', 'anchored-text'],
    ['what was escaped', 'tab\there'],
    ['a large number', '9007199254740993'],
    ['a text in JSON within it', 'json-token'],
    ['a text in YAML within it', 'yaml-token'],
  ])('%s is hidden', (_what, text) => {
    expect(secretTexts(FILE, true)).toContain(text);
  });

  test.each([
    ['a key', 'password'],
    ['a boolean', 'true'],
    ['what is short', '543'],
    ['nothing', ''],
  ])('%s is not', (_what, text) => {
    expect(secretTexts(FILE, true)).not.toContain(text);
  });

  test('also its lines where nobody can read it', () => {
    expect(secretTexts('a: [\n  key: hunter2\n', true)).toContain('hunter2');
  });
});

describe('of a text that is set as helm --set sets it', () => {
  test.each([
    ['hunter2\n', 'hunter2'],
    ['"hunter2 quoted"', 'hunter2 quoted'],
    [String.raw`hun\,ter2`, 'hun,ter2'],
    [`canary-"one"`, 'canary-'],
    ['{first-of,second-of}', 'second-of'],
    ['first-of,other.key=second-of', 'second-of'],
  ])('%j: %j is hidden', (text, part) => {
    expect(secretTexts(text, false)).toContain(part);
  });
});
