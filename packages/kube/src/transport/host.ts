/** Without the brackets of an IPv6 address. */
export function hostOf(server: URL): string {
  return server.hostname.replace(/^\[|\]$/g, '');
}

export function portOf(server: URL): number {
  if (server.port !== '') return Number(server.port);
  return server.protocol === 'http:' ? 80 : 443;
}
