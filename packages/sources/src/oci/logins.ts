/** How to log in at a registry. */
export interface RegistryLogin {
  /** The host, with its port and maybe a path below it, as a Docker configuration names it. */
  place: string;
  username: string;
  password: string;
}

/** The logins of a Docker configuration, as Secrets of type kubernetes.io/dockerconfigjson hold it. @throws Error when it is none */
export function parseLogins(text: string): RegistryLogin[] {
  const { auths } = JSON.parse(text) as { auths?: Record<string, Record<string, unknown>> };
  return Object.entries(auths ?? {}).flatMap(([place, entry]) => {
    const login = loginOf(entry);
    return login === null
      ? []
      : [{ place: place.replace(/^https?:\/\//, '').replace(/\/v[12]\/?$|\/+$/, ''), ...login }];
  });
}

function loginOf({ auth, username, password }: Record<string, unknown>): Omit<RegistryLogin, 'place'> | null {
  if (typeof auth === 'string' && auth !== '') {
    const text = Buffer.from(auth, 'base64').toString();
    const colon = text.indexOf(':');
    return colon < 0 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  return typeof username === 'string' && typeof password === 'string' ? { username, password } : null;
}

const DOCKER = new Set(['index.docker.io', 'registry-1.docker.io']);

/** The login for a repository: the one that names most of its path, as kubelet chooses. */
export function loginFor(logins: readonly RegistryLogin[], repository: string): RegistryLogin | null {
  const fitting = logins.filter(({ place }) => {
    const [host = '', ...path] = place.split('/');
    const named = [DOCKER.has(host) ? 'docker.io' : host, ...path].join('/');
    return repository === named || repository.startsWith(`${named}/`);
  });
  return fitting.toSorted((a, b) => b.place.length - a.place.length)[0] ?? null;
}
