/** A line without characters that a terminal would act on: what comes from Git or a cluster may hold any. */
export function visible(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The same of a text, whose lines stay lines. */
export function visibleText(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** What is said of an error that ends a command. */
export function endOf(error: unknown): string {
  return `plumb: ${visibleText(error instanceof Error ? error.message : String(error))}\n`;
}
