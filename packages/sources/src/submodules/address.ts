import { correctable, parseAddress } from '../git/address.ts';
import { localKind } from '../net/addresses.ts';

/**
 * Where a submodule is fetched from: relative to the repository it is part of (gitmodules(5)), or an address of its own; the short
 * form `git@host:path` is ssh. @throws PlumbError `source-failed` for what is neither http, https nor ssh
 */
export function submoduleAddress(url: string, parent: string, path: string): string {
  const refuse = (why: string): Error =>
    correctable('source-failed', `submodule '${path.slice(0, 100)}' is refused: ${why}`);
  let address: string;
  try {
    address = parseAddress(absolute(url, parent));
  } catch {
    throw refuse('its url in .gitmodules must be relative, or http, https or ssh without credentials');
  }
  const [from, to] = [new URL(parent), new URL(address)];
  if (localKind(to.hostname) !== null && to.hostname !== from.hostname)
    throw refuse(`its url leads to this machine or its own network ('${to.hostname}')`);
  return address;
}

function absolute(url: string, parent: string): string {
  if (!url.startsWith('./') && !url.startsWith('../')) return url.includes('://') ? url : shortForm(url);
  const base = new URL(parent);
  const steps = base.pathname.split('/').filter((name) => name !== '');
  for (const name of url.split('/')) {
    if (name === '..' && steps.pop() === undefined) throw new Error('above the host');
    if (name !== '..' && name !== '.' && name !== '') steps.push(name);
  }
  base.pathname = `/${steps.join('/')}`;
  return base.href;
}

function shortForm(url: string): string {
  const match = /^([\w.-]+@)?([\w.-]+):(?!\/\/)(.+)$/.exec(url);
  if (match === null) throw new Error('not an address');
  return `ssh://${match[1] ?? ''}${match[2]}/${match[3]?.replace(/^\/+/, '')}`;
}

/** Whether credentials for one address may be sent to another. */
export function sameHost(a: string, b: string): boolean {
  const [one, other] = [new URL(a), new URL(b)];
  const user = one.protocol === 'ssh:' ? one.username === other.username : true;
  return one.protocol === other.protocol && one.host === other.host && user;
}
