/** The values of a trailer in the end of a message (git-interpret-trailers): they stand in its last paragraph, which is not its only one. */
export function trailersIn(end: string, name: string): string[] {
  const paragraphs = end
    .replaceAll('\r\n', '\n')
    .trim()
    .split(/\n[ \t]*\n+/);
  if (paragraphs.length < 2) return [];
  const lines = (paragraphs.at(-1) ?? '').split('\n');
  return lines.flatMap((line) => {
    const [, token = '', value = ''] = /^([A-Za-z0-9-]+)[ \t]*:(.*)$/.exec(line) ?? [];
    return token.toLowerCase() === name.toLowerCase() && value.trim() !== '' ? [value.trim()] : [];
  });
}
