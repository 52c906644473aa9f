/** Whether a text fits a pattern in which each * stands for any text, also none. */
export function fits(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return pattern === text;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Whether nothing is asked for, or a text fits one of the patterns. */
export function fitsOne(patterns: readonly string[] | undefined, text: string): boolean {
  return patterns === undefined || patterns.some((pattern) => fits(pattern, text));
}

/** Whether a kind is meant by `Kind`, of any group, or `Kind.group`; `Kind.` is of the core group. */
export function isKind(name: string, { group, kind }: { group: string; kind: string }): boolean {
  const dot = name.indexOf('.');
  return dot < 0 ? name === kind : name === `${kind}.${group}`;
}
