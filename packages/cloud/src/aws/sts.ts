import { systemError } from '@plumb/api';
import { refusal, type Http } from '../http.ts';
import { expiryAt } from '../token.ts';
import type { AwsCredentials } from './sign.ts';

/** Exchanges a token of another issuer for the keys of a role (AWS STS: AssumeRoleWithWebIdentity). It needs no signature: the token is the proof. */
export async function assumeRole(
  request: { endpoint: string; role: string; session: string; token: string },
  { http, now }: { http: Http; now: () => number },
): Promise<AwsCredentials> {
  const { endpoint, role, session, token } = request;
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: sessionName(session),
    WebIdentityToken: token,
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const subject = { what: `AWS STS did not let ${role} be assumed`, secrets: [token] };
  const { status, text } = await http({ method: 'POST', url: `${endpoint}/`, headers, body: body.toString() });
  if (status !== 200)
    throw refusal(status, `${element(text, 'Code') ?? ''} ${element(text, 'Message') ?? ''}`, subject);
  const accessKeyId = element(text, 'AccessKeyId');
  const secretAccessKey = element(text, 'SecretAccessKey');
  const sessionToken = element(text, 'SessionToken');
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined)
    throw systemError('authentication-failed', 'AWS STS: the answer holds no credentials');
  return { accessKeyId, secretAccessKey, sessionToken, expiresAt: expiryAt(element(text, 'Expiration'), now()) };
}

/** 2 to 64 characters of these. */
function sessionName(wanted: string): string {
  return wanted.replaceAll(/[^\w+=,.@-]/g, '-').slice(0, 64);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** The text of an element that occurs once. STS answers with nothing but such: no attribute of interest, no nesting of one name. */
function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replaceAll(/&(lt|gt|amp|quot|apos);/g, (_whole, entity: string) => ENTITIES[entity] ?? '');
}
