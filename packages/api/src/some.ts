/**
 * The first few of many texts, and how many there are beside them: a message stays readable however much there is to tell.
 *
 * @param most how many are told at most
 * @param joined what stands between them, and before the number of the others
 */
export function some(
  texts: readonly string[],
  most = 10,
  { between = ', ', last = ' and ' }: { between?: string; last?: string } = {},
): string {
  const shown = texts.slice(0, most).join(between);
  return texts.length <= most ? shown : `${shown}${last}${texts.length - most} more`;
}
