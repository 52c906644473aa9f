/** Each error of a refusal by validation: `spec.selector: Invalid value: ...: field is immutable`. */
const CAUSE =
  /(?:^|, )(?=[\w.\-/()]+(?:\[[^\]]*\][\w.\-/()]*)*: (?:Invalid value|Forbidden|Required value|Unsupported value|Duplicate value|Not found|Too long|Too many|Too few|Internal error)\b)/;

/** What validation says of a field that may not change, in the words of the API server and of rules in custom schemas. */
const IMMUTABLE = [
  /\b(?:is|are) immutable\b/i,
  /\bimmutable field\b/i,
  /^cannot change roleRef$/,
  /^may not change once set$/,
  /^may not be changed in an update\.?$/,
  /^updates to .* are forbidden\.?$/,
  /^pod updates may not change fields other than /,
];

/**
 * The fields a write was refused for because they cannot change on an object that exists; [] where the refusal says so without
 * naming one, as a webhook may. Null when anything else is wrong too: deleting the object would not help. The message of a
 * refusal is `<kind> "<name>" is invalid: <error>` or `... is invalid: [<error>, <error>]`.
 */
export function immutableFields(message: string): string[] | null {
  const start = message.indexOf(' is invalid: ');
  if (start < 0) return isImmutable(message) ? [] : null;
  const text = message.slice(start + ' is invalid: '.length);
  const errors = (text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text).split(CAUSE);
  const fields = errors.map((error) => error.slice(0, error.indexOf(': ')));
  return errors.every((error) => isImmutable(reasonOf(error))) ? [...new Set(fields)] : null;
}

/** What is said of the field, past the value that was sent: the value may hold any words. */
function reasonOf(error: string): string {
  const forbidden = error.indexOf(': Forbidden: ');
  if (forbidden >= 0) return error.slice(forbidden + ': Forbidden: '.length).split('\n', 1)[0] ?? '';
  return error.slice(error.lastIndexOf(': ') + 2);
}

function isImmutable(reason: string): boolean {
  return IMMUTABLE.some((pattern) => pattern.test(reason));
}
