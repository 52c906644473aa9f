/**
 * kustomize quotes what it could not use: patches whole, literals of generators, the configuration of a transformer. Any of them may hold a
 * secret, so that none of it is shown (I8). What is left names the file, the step and the rule.
 */
export function withoutContent(message: string): string {
  return message
    .replaceAll(/`[^`]*`/g, '`…`')
    .replaceAll(/\[patch: [\s\S]*\]/g, '[the patch]')
    .replaceAll(/literal sources \[[\s\S]*?\](?=:|$)/g, 'literal sources […]')
    .replaceAll(/(invalid literal source) [^,;]*/g, '$1, expected key=value')
    .replaceAll(/"(?:[^"\\]|\\.)*\\n(?:[^"\\]|\\.)*"/g, '"…"');
}
