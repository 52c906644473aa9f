import type { ChangeAuthor, People } from '@plumb/api';
import type { Identity } from './facts.ts';

/**
 * A name or address as it is compared: however it is written, in whatever width or case, and with whatever cannot be seen in it, it is the same. By way of
 * upper case, for some letters have several of lower case (ß, ς, ı); without what is not seen first, for that keeps signs from being joined.
 */
export function spelling(text: string): string {
  return unseen(unseen(text).normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC'))
    .replace(/\s+/gu, ' ')
    .trim();
}

/** Without what nobody sees (UAX #44, Default_Ignorable_Code_Point), and control characters that are no blanks. */
function unseen(text: string): string {
  return text.replace(/[\p{Default_Ignorable_Code_Point}\p{Cf}]|(?!\s)\p{Cc}/gu, '');
}

/** Whether a user is one of the people. Nobody is named: everybody is. */
export function isOneOf(people: People | undefined, who: { by: string; groups: readonly string[] }): boolean {
  const { users = [], groups = [] } = people ?? {};
  if (users.length === 0 && groups.length === 0) return true;
  return users.includes(who.by) || groups.some((group) => who.groups.includes(group));
}

/** People in words: `user alice or group sre`; `anybody` where nobody is named. */
export function describePeople(people: People | undefined): string {
  const { users = [], groups = [] } = people ?? {};
  const names = [...users.map((user) => `user ${user}`), ...groups.map((group) => `group ${group}`)];
  const last = names.pop();
  if (last === undefined) return 'anybody';
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`;
}

/**
 * One value of the ConfigMap: lines `user: …` and `git: …`, and `github: …` and the like for logins at forges. What is neither is passed over. Without a user it is somebody who is nobody in the cluster, as the
 * committer of a forge; but where something else stands there the user may be what was misspelt, and nobody is known by it.
 */
export function parseIdentity(text: string): Identity {
  const users: string[] = [];
  const git: string[] = [];
  const logins: string[] = [];
  let isPuzzling = false;
  for (const line of text.split(/[\n\r\u2028\u2029]/)) {
    const [, found = '', value = ''] = /^\s*(user|git|github|gitlab|gitea|bitbucket)\s*:(.*)$/i.exec(line) ?? [];
    const key = found.toLowerCase();
    if (key === 'user') users.push(spelling(value));
    else if (key === 'git') git.push(gitSpelling(value));
    else if (key !== '' && spelling(value) !== '') logins.push(spelling(`${key}:${value.trim()}`));
    isPuzzling ||= key === '' && /^\s*[^\s#]/.test(line);
  }
  const isSaid = (entry: string): boolean => entry !== '';
  const known = users.filter(isSaid);
  return known.length === 0 && isPuzzling
    ? { users: [], git: [], logins: [] }
    : { users: known, git: git.filter(isSaid), logins };
}

/** `Alice Liddell <alice@example.com>` is known by its address alone: names are written by whoever commits. */
export function gitSpelling(text: string): string {
  const address = /<([^<>]*)>\s*$/.exec(text)?.[1];
  return spelling(address ?? text);
}

/**
 * The users that an author is, and their logins at forges, in the form of `spelling`, with every account of the same person; null where nobody knows the
 * address they write from.
 * A name alone proves nothing, but whoever bears it is taken for the author too.
 */
export function usersOf(author: ChangeAuthor, identities: readonly Identity[]): string[] | null {
  const known = namesOf(author);
  const [address = ''] = known;
  if (!identities.some(({ git }) => git.includes(address))) return null;
  const own = identities.filter(({ git }) => git.some((text) => known.includes(text))).flatMap(accountsIn);
  return accountsOf(own, identities);
}

/** The address, where there is one, goes first. */
function namesOf({ name, email }: ChangeAuthor): string[] {
  return [spelling(email), spelling(name)].filter((one) => one !== '');
}

/** Whether somebody who said something, by an account or a name in Git, is an author; of an author whom nobody knows everybody may be that. */
export function isAuthor(by: string, author: ChangeAuthor, identities: readonly Identity[]): boolean {
  const users = usersOf(author, identities);
  const accounts = accountsOf([spelling(by)], identities);
  if (users === null || users.some((one) => accounts.includes(one))) return true;
  const own = gitNameIn(spelling(by));
  return own !== null && namesOf(author).some((name) => isSameInGit(name, own, identities));
}

/** Whether two names in Git, in the form of `spelling`, are of one person. */
export function isSameInGit(one: string, other: string, identities: readonly Identity[]): boolean {
  return one === other || identities.some(({ git }) => git.includes(one) && git.includes(other));
}

const IN_GIT = 'git:';

/** Who signs is known by a name in Git, among accounts `git:alice@example.com`; null for another account. */
function gitNameIn(account: string): string | null {
  return account.startsWith(IN_GIT) ? account.slice(IN_GIT.length) : null;
}

function accountsIn({ users, logins }: Identity): string[] {
  return [...users, ...logins];
}

/** Whether it is told whose login at a forge, or name in Git, this is. */
export function isKnownLogin(login: string, identities: readonly Identity[]): boolean {
  const own = spelling(login);
  return identities.some(({ logins, git }) => logins.includes(own) || git.includes(gitNameIn(own) ?? ''));
}

/** Every account of those whose accounts these are, in the form of `spelling`: whoever shares an account with somebody is the same. */
export function accountsOf(known: readonly string[], identities: readonly Identity[]): string[] {
  const named = known.flatMap((one) => gitNameIn(one) ?? []);
  const signers = identities.filter(({ git }) => git.some((one) => named.includes(one)));
  const accounts = new Set([
    ...known,
    ...signers.flatMap((one) => [...accountsIn(one), ...one.git.map((name) => `${IN_GIT}${name}`)]),
  ]);
  let before: number;
  do {
    before = accounts.size;
    const shared = identities.filter((identity) => accountsIn(identity).some((one) => accounts.has(one)));
    for (const one of shared.flatMap(accountsIn)) accounts.add(one);
  } while (accounts.size > before);
  return [...accounts];
}
