import { createHash, createHmac } from 'node:crypto';

/** A login as it arrived: what stands in basic authentication. */
export interface ArrivedLogin {
  readonly username: string;
  readonly password: string;
}

const LIFE_MS = 15 * 60_000;

/**
 * Checks a login of CodeCommit from the description of it (aws/git-remote-codecommit), apart from the code that makes one.
 * @param secretOf the secret of an access key and session token
 * @returns the access key; null for a login that is wrong, or of another time or repository
 */
export function codeCommitSigner(
  { username, password }: ArrivedLogin,
  { url, now }: { url: URL; now: number },
  secretOf: (accessKeyId: string, session: string) => string | undefined,
): string | null {
  const [accessKeyId = '', session = ''] = username.split('%', 2);
  const secret = secretOf(accessKeyId, session);
  const [, day = '', clock = '', signature] = /^(\d{8})T(\d{6})Z([\da-f]{64})$/.exec(password) ?? [];
  const region = url.hostname.split('.')[1] ?? '';
  if (secret === undefined || signature === undefined) return null;
  const canonical = `GIT\n${url.pathname}\n\nhost:${url.hostname}\n\nhost\n`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const toSign = `AWS4-HMAC-SHA256\n${day}T${clock}\n${day}/${region}/codecommit/aws4_request\n${digest}`;
  const sign = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = sign(sign(sign(sign(`AWS4${secret}`, day), region), 'codecommit'), 'aws4_request');
  const [year, month, date] = [day.slice(0, 4), day.slice(4, 6), day.slice(6)];
  const time = `${clock.slice(0, 2)}:${clock.slice(2, 4)}:${clock.slice(4)}`;
  const age = now - Date.parse(`${year}-${month}-${date}T${time}Z`);
  return sign(key, toSign).toString('hex') === signature && age > -LIFE_MS && age < LIFE_MS ? accessKeyId : null;
}
