/** How our ssh program begins what it says, so that it is told from what a server says. */
export const SAYS = 'plumb-ssh:';

/** What went wrong: the key, the host's key, the login, or the way there. */
export type Trouble = 'identity' | 'host-key' | 'denied' | 'connect';

/** The last thing our ssh program said in what git printed. */
export function sshTrouble(text: string): { trouble: Trouble; words: string } | undefined {
  const match = [...text.matchAll(/^plumb-ssh: (identity|host-key|denied|connect): (.+)$/gm)].at(-1);
  if (match === undefined) return undefined;
  return { trouble: match[1] as Trouble, words: match[2] ?? '' };
}
