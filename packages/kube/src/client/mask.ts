const MASK = '"***"';
const QUOTED = /"(?:[^"\\]|\\.)*"|`[^`]*`/g;
/** RBAC's refusals quote names only: `secrets "x" is forbidden: User "u" cannot get resource "secrets" ...`. */
const RBAC_REFUSAL = /^\S+ ("[^"]*" )?is forbidden: User "[^"]*" cannot /;
/** What Go's JSON decoder says of the first wrong character. */
const CHARACTER = /invalid character '.*?' /g;
/** Go's print of a typed value: `&value.valueUnstructured{Value:12345}`. */
const GO_VALUE = /\{Value:.*\}/g;
/** The same of a list or a map: `.data: expected map, got &{[12345]}`. */
const GO_POINTER = /(got &)\{[\s\S]*\}/g;
/** In single quotes, as webhooks write; an apostrophe is none. */
const SINGLE = /(?<=^|[\s(:=])'[^']*'/g;
/** Numbers, maps and lists come without quotes: `spec.replicas: Invalid value: 12345: must be ...`. The next error of a list stays apart. */
const BARE =
  /((?:(?:Invalid|Unsupported|Duplicate) value|Not found|Too long|Too many): )(?!")[\s\S]*?(?=: [a-z]|, [a-z][\w.\-/()[\]]*: [A-Z]|\]?$)/g;
/** `json: cannot unmarshal number 12345 into Go struct field ...`. */
const NUMBER = /(cannot unmarshal number )\S+/g;
/** A piece of what could not be read: `error found in #10 byte of ...|a":12345|...`. */
const PIECE = /\.\.\.\|[\s\S]*\|\.\.\./g;
/** What differs, printed by Go below the message: `\n  core.PodSpec{...`. */
const DIFFERENCE = /\n\s*(?:strings\.Join\(|&?[a-z]\w*\.\w+\{)[\s\S]*$/;
/** An item of a list is named by its keys: `.spec.ports[port=12345,protocol="TCP"]`. */
const KEY = /([[,][\w.-]*=)[^"\],]+/g;
/** Who refused, which is no value: `admission webhook "guard.example.com" denied the request: ...`. */
const WEBHOOK = /^(?:Internal error occurred: )?(?:admission webhook|failed calling webhook) "([^"]*)"/;

/**
 * Hides what an API server's message about an object may quote of it: validation errors repeat the value that was wrong (I8). For Secrets the
 * client does so itself; a caller does for any object that a secret may stand in. Names in `readable` stay.
 */
export function maskSecretText(message: string, readable: readonly string[]): string {
  if (RBAC_REFUSAL.test(message)) return message;
  const names = [...readable, ...(WEBHOOK.exec(message)?.slice(1) ?? [])];
  const open = (quoted: string): boolean => names.includes(quoted.slice(1, -1));
  const whole = message.replace(PIECE, '***').replace(GO_POINTER, '$1{***}');
  const hidden = whole.replace(QUOTED, (quoted) => (open(quoted) ? quoted : MASK));
  return hidden
    .replace(GO_VALUE, '{***}')
    .replace(DIFFERENCE, '\n***')
    .replace(BARE, '$1***')
    .replace(NUMBER, '$1***')
    .replace(KEY, '$1***')
    .replace(CHARACTER, "invalid character '*' ")
    .replace(SINGLE, (quoted) => (open(quoted) ? quoted : "'***'"));
}
