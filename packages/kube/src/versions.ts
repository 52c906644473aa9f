/** Orders two resourceVersions of one resource: they are decimal integers (KEP-5504), too long for a number to hold safely. */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
