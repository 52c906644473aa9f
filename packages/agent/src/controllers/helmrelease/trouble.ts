import {
  asPlumbError,
  helmReleaseMessages as messages,
  ownMessages,
  say,
  type PlumbError,
  type Said,
} from '@plumb/api';
import type { ActionName } from '@plumb/core';

/** What kept a reconciliation from going on, as it is told. */
export class Trouble extends Error {
  readonly said: Said;
  readonly error: PlumbError;
  /** What it kept from being done; null: nothing yet. */
  readonly action: ActionName | null;
  constructor(said: Said, error: PlumbError, action: ActionName | null = null) {
    super(said.text, { cause: error });
    this.said = said;
    this.error = error;
    this.action = action;
  }
}

export async function trying<T>(work: Promise<T>, said: (error: PlumbError) => Said): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const error = asPlumbError(thrown);
    throw new Trouble(said(error), error);
  }
}

export function stateTrouble(error: PlumbError): Trouble {
  if (error.code === 'gated') return new Trouble(say(ownMessages.gated, { why: error.message }), error);
  return new Trouble(say(messages.stateFailed, { error: error.message }), error);
}
