const MASK = '"***"';
const QUOTED = /"(?:[^"\\]|\\.)*"|`[^`]*`/g;
/** RBAC's refusals quote names only: `secrets "x" is forbidden: User "u" cannot get resource "secrets" ...`. */
const RBAC_REFUSAL = /^\S+ ("[^"]*" )?is forbidden: User "[^"]*" cannot /;
/** What Go's JSON decoder says of the first wrong character. */
const CHARACTER = /invalid character '.*?' /g;
/** Go's print of a typed value: `&value.valueUnstructured{Value:12345}`. */
const GO_VALUE = /\{Value:.*\}/g;

/**
 * Hides what a message about a Secret may quote of it: validation errors repeat the value that was wrong (I8). Names in
 * `readable` stay.
 */
export function maskSecretText(message: string, readable: readonly string[]): string {
  if (RBAC_REFUSAL.test(message)) return message;
  const hidden = message.replace(QUOTED, (quoted) => (readable.includes(quoted.slice(1, -1)) ? quoted : MASK));
  return hidden.replace(GO_VALUE, '{***}').replace(CHARACTER, "invalid character '*' ");
}
