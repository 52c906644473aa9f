import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestSigstore } from '@plumb/testkit';

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Answers a request with a body and the identity token that came with it. */
type Answerer = (body: string, token: string) => Promise<Answer>;

/** The authority and the log of Sigstore, as cosign speaks to them, which ask nobody who they are. Only on loopback. */
export async function serveSigstore(sigstore: TestSigstore): Promise<{ url: string } & AsyncDisposable> {
  const answerers = new Map<string, Answerer>([
    ['/api/v1/signingCert', (body, token) => certifyOld(sigstore, body, token)],
    ['/api/v2/signingCert', (body, token) => certify(sigstore, body, token)],
    ['/api/v1/log/entries', (body) => log(sigstore, body)],
  ]);
  const answerOf = async (request: IncomingMessage): Promise<Answer> => {
    const answerer = answerers.get(request.url ?? '');
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    if (answerer === undefined) return { status: 404, headers: {}, body: '' };
    return answerer(await bodyOf(request), token);
  };
  const server = createServer((request, response) => {
    answerOf(request).then(
      ({ status, headers, body }) => response.writeHead(status, headers).end(body),
      (error: unknown) => response.writeHead(400).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** What cosign asks where services are named one by one. */
async function certifyOld(sigstore: TestSigstore, body: string, token: string): Promise<Answer> {
  const { publicKey } = JSON.parse(body) as { publicKey: { content: string } };
  const chain = await chainFor(sigstore, Buffer.from(publicKey.content, 'base64').toString(), token);
  return { status: 201, headers: { 'content-type': 'application/pem-certificate-chain' }, body: chain.join('') };
}

/** What it asks where a file names them. */
async function certify(sigstore: TestSigstore, body: string, token: string): Promise<Answer> {
  const { publicKeyRequest } = JSON.parse(body) as { publicKeyRequest: { publicKey: { content: string } } };
  const certificates = await chainFor(sigstore, publicKeyRequest.publicKey.content, token);
  return json(200, { signedCertificateEmbeddedSct: { chain: { certificates } } });
}

async function chainFor(sigstore: TestSigstore, pem: string, token: string): Promise<string[]> {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  const { iss: issuer, sub: subject } = JSON.parse(claims) as { iss: string; sub: string };
  const publicKey = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  const chain = await sigstore.certify(publicKey, { issuer, subject });
  return chain.map((one) => new X509Certificate(one).toString());
}

interface Proposed {
  kind: string;
  apiVersion: string;
  spec: { proposedContent?: { envelope: string; verifiers: string[] } };
}

async function log(sigstore: TestSigstore, body: string): Promise<Answer> {
  const entry = await sigstore.log(keptOf(JSON.parse(body) as Proposed));
  return json(201, entry, { etag: Object.keys(entry)[0] ?? '' });
}

/** What Rekor keeps of what it is asked to take in: of an envelope only digests. */
function keptOf(proposed: Proposed): object {
  const { kind, apiVersion, spec } = proposed;
  if (spec.proposedContent === undefined) return proposed;
  const { envelope, verifiers } = spec.proposedContent;
  const { payload, signatures } = JSON.parse(envelope) as { payload: string; signatures: { sig: string }[] };
  const kept = {
    envelopeHash: hashOf(Buffer.from(envelope)),
    payloadHash: hashOf(Buffer.from(payload, 'base64')),
    signatures: signatures.map(({ sig }, index) => ({ signature: sig, verifier: verifiers[index] })),
  };
  return { kind, apiVersion, spec: kept };
}

function hashOf(bytes: Buffer): object {
  return { algorithm: 'sha256', value: createHash('sha256').update(bytes).digest('hex') };
}

function json(status: number, value: object, headers: Record<string, string> = {}): Answer {
  return { status, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
