import { MASK } from './compared.ts';

/**
 * A refusal without the values that a server quotes: texts in quotation marks, and what follows `Invalid value:`. What names an object
 * (`open`) stays.
 */
export function withoutQuoted(message: string, open: ReadonlySet<string>): string {
  return message
    .replaceAll(/\.\.\.\|[\s\S]*\|\.\.\./g, MASK)
    .replaceAll(/"((?:[^"\\]|\\.)*)"/g, (quoted, text: string) => (open.has(text) ? quoted : `"${MASK}"`))
    .replaceAll(/(?<=^|[\s(:])'([^']*)'/g, (quoted, text: string) => (open.has(text) ? quoted : `'${MASK}'`))
    .replaceAll(/`[^`]*`/g, `\`${MASK}\``)
    .replaceAll(
      /((?:Invalid|Unsupported|Duplicate) value|Not found|Too long|Too many): (?!")[\s\S]*?(?=: [a-z]|$)/g,
      `$1: ${MASK}`,
    );
}
