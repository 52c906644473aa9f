import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountsOf, describePeople, isKnownLogin, isOneOf, parseIdentity, spelling, usersOf } from './people.ts';

describe('the same person, however the name is written', () => {
  test.each([
    ['in capitals', 'ALICE'],
    ['in full width', 'Ａｌｉｃｅ'],
    ['in letters of mathematics', '𝐀𝓵𝔦𝖼𝚎'],
    ['with a zero-width space', 'al\u200bice'],
    ['with a zero-width joiner', 'ali\u200dce'],
    ['with a byte order mark', '\ufeffalice'],
    ['with a soft hyphen', 'al\u00adice'],
    ['with a word joiner', 'alice\u2060'],
    ['with marks of direction', '\u202ealice\u202c'],
    ['with a combining grapheme joiner', 'al\u034fice'],
    ['with a filler of Hangul', 'alice\u3164'],
    ['with a variation selector', 'alice\ufe0f'],
    ['with a tag', 'alice\u{e0041}'],
    ['with a control character', 'al\u0007ice\u0000'],
    ['with blanks around', '\t alice \n'],
  ])('%s', (_how, text) => {
    expect(spelling(text)).toBe('alice');
  });

  test.each([
    ['one sign or two', 'Zo\u00eb', 'Zoe\u0308'],
    ['two signs with something unseen between', 'Zo\u00eb', 'zoe\u200d\u0308'],
    ['marks in another order', 'a\u0323\u0307', 'a\u0307\u0323'],
    ['sharp s', 'straße', 'STRASSE'],
    ['the capital of sharp s', 'stra\u1e9ee', 'strasse'],
    ['sigma at the end', 'Σίσυφος', 'ΣΊΣΥΦΟΣ'],
    ['dotted I', 'İpek', 'i\u0307pek'],
    ['the sign of Kelvin', '\u212aarl', 'karl'],
    ['a ligature', 'ﬁona', 'fiona'],
    ['blanks of any kind', 'alice\u00a0\u3000liddell', 'Alice Liddell'],
  ])('%s', (_how, one, other) => {
    expect(spelling(one)).toBe(spelling(other));
  });

  test.each([
    ['another letter', 'alice', 'alicia'],
    ['no blank', 'alice liddell', 'aliceliddell'],
    ['a tag in the address', 'alice@example.com', 'alice+x@example.com'],
    ['a letter of another script', 'alice', '\u0430lice'],
  ])('but not with %s', (_how, one, other) => {
    expect(spelling(one)).not.toBe(spelling(other));
  });
});

test('a spelling is its own, and that of its capitals', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
      const one = spelling(text);
      expect(spelling(one)).toBe(one);
      expect(spelling(one.toUpperCase())).toBe(one);
      expect(spelling(` ${text}\u200b`)).toBe(one);
    }),
    { numRuns: 2_000 },
  );
});

describe('an identity is read', () => {
  const alice = { users: ['alice', 'alice-admin'], git: ['alice@example.com', 'alice@home.example'], logins: [] };
  test.each([
    ['line by line', 'user: alice\nuser: alice-admin\ngit: alice@example.com\ngit: alice@home.example'],
    [
      'with lines that end as on Windows',
      'user: alice\r\nuser: alice-admin\r\ngit: alice@example.com\r\ngit: alice@home.example\r\n',
    ],
    [
      'with names in capitals and blanks anywhere',
      '  USER : Alice \n\tUser:alice-admin\nGit:alice@example.com\n git : ALICE@home.example',
    ],
    [
      'with names before addresses',
      'user: alice\nuser: alice-admin\ngit: Alice Liddell <alice@example.com>\ngit: "A. L." <Alice@Home.Example>  ',
    ],
    [
      'beside what is neither',
      '# Alice\nuser: alice\nphone: 1\nuser: alice-admin\n\ngit: alice@example.com\ngit: alice@home.example\nuser:\ngit:\ngit: Nobody <>',
    ],
  ])('%s', (_how, text) => {
    expect(parseIdentity(text)).toEqual(alice);
  });
});

test('logins at forges are read, and are accounts like others', () => {
  const text = 'user: alice\nGitHub: Alice-L\n gitlab : al\ngitea:\nbitbucket: 557058:aa-bb\n';
  const logins = ['github:alice-l', 'gitlab:al', 'bitbucket:557058:aa-bb'];
  expect(parseIdentity(text)).toEqual({ users: ['alice'], git: [], logins });
  expect(parseIdentity('usr: x\ngithub: x').logins).toEqual([]);
  const identities = [parseIdentity(text), parseIdentity('git: alice@example.com\ngithub: alice-L')];
  expect(new Set(usersOf({ name: 'x', email: 'alice@example.com' }, identities))).toEqual(
    new Set(['alice', ...logins]),
  );
  expect(isKnownLogin('GitHub:ALICE-L', identities)).toBe(true);
  expect(isKnownLogin('gitlab:alice-l', identities)).toBe(false);
});

describe('an author is', () => {
  const identities = [
    parseIdentity('user: alice\nuser: alice-admin\ngit: alice@example.com'),
    parseIdentity('user: bob\ngit: bob@example.com\ngit: Robert'),
    parseIdentity('user: team\ngit: team@example.com'),
    parseIdentity('user: carol\ngit: team@example.com\ngit: carol@example.com'),
    parseIdentity('user: carol\nuser: carol-oncall'),
    parseIdentity('# a forge\ngit: nobody@example.com\n'),
    parseIdentity('usr: dave\ngit: dave@example.com'),
  ];
  test.each([
    ['every account of theirs', 'Alice', 'alice@example.com', ['alice', 'alice-admin']],
    ['known by the address in any spelling', 'x', 'Ａlice@\u200bEXAMPLE.com', ['alice', 'alice-admin']],
    ['whoever bears the name too', 'Robert', 'alice@example.com', ['alice', 'alice-admin', 'bob']],
    ['known by a name that stands in place of an address', 'robert', '', ['bob']],
    ['everybody who shares the address', 'x', 'team@example.com', ['team', 'carol', 'carol-oncall']],
    ['whoever shares an account', 'x', 'carol@example.com', ['carol', 'carol-oncall']],
    ['no user where they are nobody here', 'x', 'nobody@example.com', []],
  ])('%s', (_what, name, email, users) => {
    expect(new Set(usersOf({ name, email }, identities))).toEqual(new Set(users));
  });

  test.each([
    ['a stranger', 'x', 'mallory@example.com'],
    ['a stranger under a known name', 'Robert', 'mallory@example.com'],
    ['somebody whose user is misspelt', 'x', 'dave@example.com'],
    ['somebody without name and address', '', ''],
    ['somebody whose address cannot be seen', '\u200b', '\u200b'],
  ])('nobody when it is %s', (_what, name, email) => {
    expect(usersOf({ name, email }, identities)).toBeNull();
  });

  test('nobody where nobody is known', () => {
    expect(usersOf({ name: 'a', email: 'a@example.com' }, [])).toBeNull();
  });
});

test('accounts are of one person over any number of steps', () => {
  const chain = ['c,d', 'a,b', 'b,c'].map((pair) => ({ users: pair.split(','), git: [], logins: [] }));
  expect(new Set(accountsOf(['a'], [...chain, { users: ['x', 'y'], git: [], logins: [] }]))).toEqual(
    new Set(['a', 'b', 'c', 'd']),
  );
  expect(accountsOf(['z'], chain)).toEqual(['z']);
});

describe('people are', () => {
  const by = { by: 'alice', groups: ['sre', 'system:authenticated'] };
  test.each([
    ['everybody where nobody is named', undefined, true],
    ['everybody where lists are empty', { users: [], groups: [] }, true],
    ['a user', { users: ['bob', 'alice'] }, true],
    ['one of a group', { groups: ['sre'] }, true],
    ['a user or one of a group', { users: ['bob'], groups: ['sre'] }, true],
    ['not another user', { users: ['bob'] }, false],
    ['not one of another group', { groups: ['dba'] }, false],
    ['not whose group is written otherwise: the API server tells them apart', { groups: ['SRE'] }, false],
    ['not a user by a group, nor a group by a user', { users: ['sre'], groups: ['alice'] }, false],
  ])('%s', (_what, people, is) => {
    expect(isOneOf(people, by)).toBe(is);
  });

  test.each([
    [undefined, 'anybody'],
    [{ users: ['a'] }, 'user a'],
    [{ users: ['a'], groups: ['b'] }, 'user a or group b'],
    [{ users: ['a', 'b'], groups: ['c'] }, 'user a, user b or group c'],
  ])('%j in words: %s', (people, words) => {
    expect(describePeople(people)).toBe(words);
  });
});
