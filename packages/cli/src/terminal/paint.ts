/** Colours a text, where the terminal shows colours and nobody asked for none (no-color.org). */
export type Paint = (colour: 'green' | 'red' | 'yellow' | 'dim' | 'bold', text: string) => string;

const CODES = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 } as const;

export function paintFor(
  { isTTY }: { isTTY?: boolean },
  { NO_COLOR: none = '' }: Readonly<Record<string, string | undefined>>,
): Paint {
  if (isTTY !== true || none !== '') return (_colour, text) => text;
  return (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}
