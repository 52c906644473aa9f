/** kustomize's words without the steps it came through. It tries an entry as a file, then as a folder, and tells of both: the last clause of the first is the cause. */
export function plainWords(message: string): string {
  return unquoted(message)
    .replaceAll(/accumulat(?:ing|ion) (?:resources|components|err)(?: from '[^']*')?[:=] ?'?/g, '')
    .replace(/': must build at directory: .*$/s, '')
    .replace(
      /json: cannot unmarshal (?:number|bool) into Go struct field \w+\.([\w.]+) of type string/,
      '$1 must be a string: quote it',
    )
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
}

/** What went wrong in a component comes in quotes, once for each component around it. */
function unquoted(message: string): string {
  const [whole, quoted = ''] = /(?:accumulateDirectory:|loader\.New) ("(?:[^"\\]|\\.)*")/.exec(message) ?? [];
  if (whole === undefined) return message;
  try {
    return unquoted(message.replace(whole, () => String(JSON.parse(quoted))));
  } catch {
    // Go has escapes that JSON has not: the quotes stay, and what is in them is not shown.
    return message;
  }
}
