import { PlumbError } from '@plumb/api';
import type { Bundle } from '@plumb/render';

/** How a build, or the fetch before it, ended. */
export type End = { bundle: Bundle } | { error: unknown };

/** Characters of a message: what a build says is cut off at 1,000, and a fetch may name an address besides. */
const LONGEST_MESSAGE = 1_200;

/**
 * What is wrong with an end; empty when it is as promised: objects, or one message to the user. What is drawn is within the user's power, and so
 * is the fault, except where a Git server breaks off, being unable to send what it holds. `hidden` are texts that neither may show.
 */
export function badEnd(end: End, hidden: readonly string[]): string[] {
  return 'bundle' in end ? badBundle(end.bundle) : badError(end.error, hidden);
}

function badBundle({ objects }: Bundle): string[] {
  return objects.flatMap(({ body }) => {
    const { apiVersion, kind, metadata } = body;
    const words: unknown[] = [apiVersion, kind, metadata.name];
    return words.every((word) => typeof word === 'string' && word !== '')
      ? []
      : [`gives an object without a name: ${JSON.stringify(body).slice(0, 200)}`];
  });
}

function badError(error: unknown, hidden: readonly string[]): string[] {
  if (!(error instanceof PlumbError))
    return [`fails with no PlumbError: ${error instanceof Error ? (error.stack ?? '') : String(error)}`];
  const { code, fault, message } = error;
  const rules: readonly (readonly [isBroken: boolean, what: string])[] = [
    [fault !== 'user' && code !== 'source-failed', `is the fault of the ${fault}`],
    [code === 'internal', 'is internal'],
    [message === '', 'has no message'],
    [message.length > LONGEST_MESSAGE, `has a message of ${message.length} characters`],
    [/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(message), 'has a message with line ends or control characters'],
    [/goroutine|panic|\bat .*:\d+:\d+|node:internal/.test(message), 'shows a stack'],
    [hidden.some((text) => message.includes(text)), 'shows what it must not'],
  ];
  return rules
    .filter(([isBroken]) => isBroken)
    .map(([, what]) => `the refusal ${what}: ${code}: ${JSON.stringify(message).slice(0, 600)}`);
}

/** In words that are equal for equal ends. */
export function inWords(end: End): string {
  if ('bundle' in end) return `built ${end.bundle.digest}`;
  return `refused: ${end.error instanceof Error ? end.error.message : String(end.error)}`;
}
