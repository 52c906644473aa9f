import type { Context } from './context.ts';

const VARIABLES = ['PATH', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/** What git is given of our environment: where to find its parts, and the proxies. */
export function gitEnvironment(environment: Context['environment']): Record<string, string> {
  return Object.fromEntries(
    VARIABLES.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}
