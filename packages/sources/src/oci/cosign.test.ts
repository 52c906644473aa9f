import {
  imageKey,
  readRecorded,
  RECORDED_IDENTITY,
  RECORDED_NAMES,
  TestRegistry,
  testSigstore,
  type RecordedImage,
} from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createImages, type ImageAnswer, type SigningTrust } from './images.ts';

const recorded = readRecorded();
const read = createImages();
let registry: TestRegistry;
beforeAll(async () => (registry = await TestRegistry.start()));
afterAll(() => registry.close());

const byKey = (pem = recorded.key): SigningTrust => ({ keys: [{ name: 'ours', pem }], root: null });
const byRoot = (root = recorded.root): SigningTrust => ({ keys: [], root });

async function answerOf(path: string, digest: string, trust: SigningTrust): Promise<ImageAnswer | undefined> {
  const { signal } = new AbortController();
  const repository = `${registry.host}/${path}`;
  const [answer] = (await read({ repository, reference: digest, logins: [], trusts: [trust], signal })).answers;
  // Signatures first: those that refer to an image come by their digests.
  return (
    answer && {
      signed: answer.signed.toSorted((a, b) => Number(a.statement !== null) - Number(b.statement !== null)),
      doubts: answer.doubts.toSorted((a, b) => Number(b.isSignature) - Number(a.isSignature)),
    }
  );
}

/** All of it moved to another image, as whoever may write to a registry can. */
function movedTo(digest: string, { blobs, manifests, ...image }: RecordedImage): RecordedImage {
  const tagOf = (one: string): string => one.replace(':', '-');
  const moved = manifests.slice(1).map(({ reference, type, content }) => ({
    reference: reference.replace(tagOf(image.digest), tagOf(digest)),
    type,
    content: content.replaceAll(image.digest, digest),
  }));
  const named = moved.map((one) => (one.reference.startsWith('sha256:') ? TestRegistry.byDigest(one) : one));
  return { digest, blobs, manifests: named };
}

const REPORT = {
  predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1',
  predicate: expect.objectContaining({
    metadata: expect.objectContaining({ scanFinishedOn: '2025-01-01T12:00:00Z' }) as object,
  }) as object,
};

describe.each(RECORDED_NAMES.filter((name) => name.endsWith('key')))('what cosign made, %s', (name) => {
  const image = recorded.images[name];

  test('is believed by its key, and by no other one', async () => {
    await registry.pushRecorded(`shop/${name}`, image);
    const by = { key: 'ours' };
    expect(await answerOf(`shop/${name}`, image.digest, byKey())).toEqual({
      signed: [
        { by, at: null, statement: null },
        { by, at: null, statement: REPORT },
      ],
      doubts: [],
    });
    const why = 'it is signed by a key that is not trusted';
    expect(await answerOf(`shop/${name}`, image.digest, byKey(imageKey().pem))).toEqual({
      signed: [],
      doubts: [
        { isSignature: true, why },
        { isSignature: false, why },
      ],
    });
  });

  test('says nothing of another image that it is moved to', async () => {
    const other = await registry.image(`shop/${name}`);
    await registry.pushRecorded(`shop/${name}`, movedTo(other.digest, image));
    const answer = await answerOf(`shop/${name}`, other.digest, byKey());
    expect(answer?.signed).toEqual([]);
    expect(answer?.doubts.map(({ why }) => why)).toEqual(['it is about another image', 'it is about another image']);
  });
});

describe.each(RECORDED_NAMES.filter((name) => name.endsWith('identity')))('what cosign made, %s', (name) => {
  const image = recorded.images[name];

  test('is believed by the authority that vouches for the identity, and by no other one', async () => {
    await registry.pushRecorded(`shop/${name}`, image);
    const at = expect.any(Number) as number;
    expect(await answerOf(`shop/${name}`, image.digest, byRoot())).toEqual({
      signed: [
        { by: RECORDED_IDENTITY, at, statement: null },
        { by: RECORDED_IDENTITY, at, statement: REPORT },
      ],
      doubts: [],
    });
    const { root } = await testSigstore();
    const answer = await answerOf(`shop/${name}`, image.digest, byRoot(root));
    expect(answer?.signed).toEqual([]);
    expect(answer?.doubts.map(({ isSignature }) => isSignature)).toEqual([true, false]);
  });
});
