/** Text that kustomize's parser reads otherwise than YAML 1.2 has it, or refuses though it is right. Bytes stand for themselves. */
const odd = [
  // Directives, and document marks with something behind them.
  /^%|^---[^\s]|^\.\.\./m,
  // A tab may be an indentation.
  /[\t\x7f]/,
  // Byte order marks, what is no character to Unicode, and the control characters of its first block.
  /\xef(?:\xbb\xbf|\xbf[\xbe\xbf]|\xb7[\x90-\xaf])|[\xf0-\xf4][\x80-\xbf]\xbf[\xbe\xbf]|\xc2[\x80-\x9f]/,
  // Escaped characters, halves of pairs among them.
  /\\[uUx]/,
  // Names of anchors in other letters.
  /[&*]\S{0,100}[\x80-\xff]/,
  // Keys without end.
  /^[^:\n]{1000,}:/m,
];

/** Whether kustomize reads a file of manifests as this package does. False for what need not be so: only kustomize knows then. */
export function isOrdinary(content: Uint8Array): boolean {
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('latin1');
  return odd.every((pattern) => !pattern.test(text));
}
