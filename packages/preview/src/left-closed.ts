import { type BuildContext, MASK } from '@plumb/agent';
import type { Json } from '@plumb/api';
import { parseJson, printJson } from '@plumb/api';
import type { FileToDecrypt } from '@plumb/engine';

/** Opens nothing: of encrypted files everything stays but the values, which are masked. For a build that has no keys. */
export const leftClosed: BuildContext['decryption'] = {
  of({ spec }) {
    if (spec.decryption === undefined) return undefined;
    return (files) => Promise.resolve(files.map((file) => ({ content: Buffer.from(closed(file)) })));
  },
};

const VALUE = /ENC\[AES256_GCM,[^\]]*\]/g;

/** In each format, the values give way to a mask, and what sops keeps beside them goes. */
function closed({ content, format }: FileToDecrypt): string {
  const text = Buffer.from(content).toString();
  switch (format) {
    case 'json':
      return printJson(maskValues(withoutMetadata(parseJson(text))));
    case 'yaml':
      return text
        .replaceAll(/^sops:.*\n(?:(?:[ \t].*)?\n)*(?:[ \t].*$)?/gm, '')
        .replaceAll(/"?ENC\[AES256_GCM,[^\]]*\]"?/g, `"${MASK}"`);
    case 'ini':
      return text.replaceAll(/^\[sops\].*(?:\n(?!\[).*)*/gm, '').replaceAll(VALUE, MASK);
    case 'dotenv':
      return text.replaceAll(/^sops_.*\n?/gm, '').replaceAll(VALUE, MASK);
    case 'binary':
      return MASK;
  }
}

function withoutMetadata(value: Json): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { sops: _, ...rest } = value;
  return rest;
}

function maskValues(value: Json): Json {
  if (typeof value === 'string') return value.replaceAll(VALUE, MASK);
  if (Array.isArray(value)) return value.map(maskValues);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, maskValues(item)]));
}
