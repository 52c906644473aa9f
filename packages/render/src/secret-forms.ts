import { oneLine } from '@plumb/api';

/**
 * A message with `mask` in place of each of these texts, in whatever form a program may show it: as it is, on one line, a line of it, in quotes of JSON,
 * YAML or Go, in base64, in a URL, or cut off where the message was shortened.
 */
export function withoutTexts(message: string, texts: readonly string[], mask: string): string {
  return hidingTexts(texts, mask)(message);
}

/** The same for many messages. */
export function hidingTexts(texts: readonly string[], mask: string): (message: string) => string {
  const forms = [...new Set(texts.flatMap(formsOf))].filter((form) => form !== '');
  return (message) => {
    const found = forms.filter((form) => message.includes(form)).sort((a, b) => b.length - a.length);
    const shown = found.reduce((text, form) => text.replaceAll(form, mask), message);
    return CUT.test(shown) ? withoutEnds(shown, forms, mask) : shown;
  };
}

function formsOf(secret: string): string[] {
  const lines = secret.split('\n').filter((line) => line.length >= LONG_LINE && line !== secret);
  return [secret, ...lines].flatMap((text) => [
    text,
    oneLine(text),
    ...quotedForms(text),
    ...encodedForms(text),
    ...numberForms(text),
  ]);
}

/** Shorter lines may be found anywhere: `-----`, `  key: 1`. */
const LONG_LINE = 12;

/** What stands between the quotes. One that is quoted twice was printed with what holds it. */
function quotedForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const goJson = json
    .replaceAll(/[<>&\u2028\u2029]/g, (character) => `\\u${hex(character, 4)}`)
    .replaceAll('\\b', '\\u0008')
    .replaceAll('\\f', '\\u000c');
  const go = json.replaceAll(/\\u(?:0007|000b|00([0-9a-f]{2}))|\u007f/g, (escape, code?: string) => {
    if (escape === '\\u0007') return '\\a';
    if (escape === '\\u000b') return '\\v';
    return `\\x${code ?? '7f'}`;
  });
  const once = [json, goJson, go];
  const twice = once.map((form) => JSON.stringify(form).slice(1, -1));
  return [...once, ...twice, text.replaceAll("'", "''"), ...yamlForms(text)];
}

/** Escapes of YAML's double quotes that JSON has not. */
const YAML_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\0': '\\0',
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u001b': '\\e',
  '\u0085': '\\N',
  '\u00a0': '\\_',
  '\u2028': '\\L',
  '\u2029': '\\P',
  '\ufeff': '\\uFEFF',
};

/** Writers of YAML differ in whether they escape what is beyond the first 65,536 characters. */
function yamlForms(text: string): string[] {
  const escaped = (character: string): string => {
    const known = YAML_ESCAPES[character];
    if (known !== undefined) return known;
    return /[\u0001-\u001f\u007f-\u009f]/.test(character) ? `\\x${hex(character, 2).toUpperCase()}` : character;
  };
  const form = [...text].map(escaped).join('');
  return [form, form.replaceAll(/[\u{10000}-\u{10ffff}]/gu, (character) => `\\U${hex(character, 8).toUpperCase()}`)];
}

function encodedForms(text: string): string[] {
  const base64 = Buffer.from(text).toString('base64');
  const component = encodeURIComponent(text.toWellFormed());
  // Go escapes five characters more in a query, and fewer in a path.
  const query = component.replaceAll(/[!'()*]/g, (character) => `%${hex(character, 2).toUpperCase()}`);
  const path = query.replaceAll(/%(?:24|26|2B|3A|3D|40)/g, (code) => decodeURIComponent(code));
  return [
    base64,
    base64.replace(/=+$/, ''),
    Buffer.from(text).toString('base64url'),
    component,
    query,
    query.replaceAll('%20', '+'),
    path,
  ];
}

/** A number of a values file is a float to templates: Go prints a large one with an exponent of two digits at least. */
function numberForms(text: string): string[] {
  if (!/^-?\d+(?:\.\d+)?$/.test(text) || text.length > LONGEST_NUMBER) return [];
  const forms = [
    String(Number(text)),
    Number(text)
      .toExponential()
      .replace(/e([+-])(\d)$/, 'e$10$2'),
  ];
  return forms.filter((form) => form.length >= SHORTEST_NUMBER);
}

const SHORTEST_NUMBER = 4;
const LONGEST_NUMBER = 40;

function hex(character: string, digits: number): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(digits, '0');
}

/** Where a message was shortened. */
const CUT = /…|\.\.\./;
const CUTS = /…|\.\.\./g;
/** Shorter pieces may stand there by chance. */
const PIECE = 6;

/** Beginnings before, and ends after, a place where something was left out. */
function withoutEnds(message: string, forms: readonly string[], mask: string): string {
  let shown = '';
  let rest = message;
  for (const { 0: cut } of message.matchAll(CUTS)) {
    const at = rest.indexOf(cut);
    shown += `${withoutBeginning(rest.slice(0, at), forms, mask)}${cut}`;
    rest = withoutEnd(rest.slice(at + cut.length), forms, mask);
  }
  return shown + rest;
}

/** @param text ends where the message was cut */
function withoutBeginning(text: string, forms: readonly string[], mask: string): string {
  const kept = text.trimEnd();
  const last = kept.slice(-PIECE);
  const ends = forms.flatMap((form) => [...indicesOf(form, last)].map((at) => form.slice(0, at + last.length)));
  const longest = longestOf(ends.filter((beginning) => beginning.length >= PIECE && kept.endsWith(beginning)));
  return longest === 0 ? text : kept.slice(0, -longest) + mask + text.slice(kept.length);
}

/** @param text begins where the message was cut */
function withoutEnd(text: string, forms: readonly string[], mask: string): string {
  const kept = text.trimStart();
  const first = kept.slice(0, PIECE);
  const ends = forms.flatMap((form) => [...indicesOf(form, first)].map((at) => form.slice(at)));
  const longest = longestOf(ends.filter((end) => end.length >= PIECE && kept.startsWith(end)));
  return longest === 0 ? text : text.slice(0, text.length - kept.length) + mask + kept.slice(longest);
}

function* indicesOf(text: string, piece: string): Generator<number> {
  if (piece.length < PIECE) return;
  for (let at = text.indexOf(piece); at >= 0; at = text.indexOf(piece, at + 1)) yield at;
}

function longestOf(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => Math.max(most, length), 0);
}
