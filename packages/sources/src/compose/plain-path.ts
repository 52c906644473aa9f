import { userError } from '@plumb/api';

/**
 * A path of a spec without `./`, doubled or trailing slashes; '' is the root. It stays inside the repository.
 * @throws PlumbError `invalid-spec` where it leads out of it
 */
export function plainPath(path: string, field: string): string {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  const bad = names.find((name) => name === '..' || name.toLowerCase() === '.git' || /[\u0000-\u001f]/.test(name));
  if (bad !== undefined) {
    throw userError('invalid-spec', `${field} '${path.slice(0, 100)}' must be a folder inside the repository`);
  }
  return names.join('/');
}
