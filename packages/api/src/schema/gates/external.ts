import * as Type from 'typebox';
import { choice, duration, flag, list, object, text, textMap, withRules } from '../build.ts';
import { causes } from './common.ts';

// What policies ask of other systems.

const secretReference = (description: string) =>
  object(description, {
    name: text('Its name.', { minLength: 1, maxLength: 253 }),
    namespace: Type.Optional(
      text('Its namespace. Of a ReleasePolicy always its own; of what stands above namespaces it is required.'),
    ),
  });

const expression = { minLength: 1, maxLength: 10_240 };

const login =
  'Secret with what to log in by: username with password or token (an e-mail address and an API token at Jira Cloud), or a token alone, which is sent as a bearer token.';

/** How a system is reached. */
const place = (example: string) => ({
  url: text(`Where it is, as ${example}. No credentials are allowed in it, and no redirect is followed.`, {
    minLength: 1,
    maxLength: 2_048,
  }),
  insecure: Type.Optional(
    flag('http without TLS is allowed: whoever is on the way can read what is sent, and answer in its place.'),
  ),
  certSecretRef: Type.Optional(
    secretReference(
      'Secret with certificates: ca.crt, to trust in place of the usual ones, and tls.crt with tls.key, to be known by.',
    ),
  ),
});

const jira = object('An issue of Jira must be in a status.', {
  ...place('https://jira.example.com'),
  secretRef: Type.Optional(secretReference(login)),
  issue: Type.Optional(
    text(
      "Which issue, as an expression in CEL over change, unit and source that gives its key. By default the first in the message of the newest commit: source.message.find('[A-Z][A-Z0-9_]+-[0-9]+').",
      expression,
    ),
  ),
  statuses: Type.Optional(
    list(
      'Statuses that let the change pass, by name.',
      text('A status, as Approved.', { minLength: 1, maxLength: 255 }),
    ),
  ),
  statusCategories: Type.Optional(
    list(
      'Categories of statuses that let the change pass, by their key in Jira.',
      choice('A category: new (To Do), indeterminate (In Progress) or done.', ['new', 'indeterminate', 'done']),
    ),
  ),
});

const serviceNow = object(
  'A change request of ServiceNow must be approved, and now be between its start and its end.',
  {
    ...place('https://example.service-now.com'),
    secretRef: Type.Optional(secretReference(login)),
    number: Type.Optional(
      text(
        "Which change request, as an expression in CEL over change, unit and source that gives its number. By default the first in the message of the newest commit: source.message.find('CHG[0-9]+').",
        expression,
      ),
    ),
    states: Type.Optional(
      list(
        'States that it may be in: new, assess, authorize, scheduled, implement, review, closed or canceled as ServiceNow has them from the start, or the value of one of your own. implement by default.',
        text('A state.', { minLength: 1, maxLength: 40 }),
      ),
    ),
  },
);

const webhook = object(
  'Another system is asked over HTTP. Only an answer with a status from 200 to 299 may let the change pass.',
  {
    ...place('https://approvals.example.com/ask'),
    method: Type.Optional(choice('Method of the request.', ['GET', 'POST', 'PUT'], { default: 'POST' })),
    headers: Type.Optional(textMap('Headers of the request.')),
    secretRef: Type.Optional(
      secretReference('Secret of which each entry is sent as a header, by its name: Authorization, for one.'),
    ),
    body: Type.Optional(
      text(
        'What is sent with POST and PUT, as an expression in CEL over change, unit and source: a text is sent as it is, anything else as JSON (values of several types stand as dyn(...) beside each other). By default a JSON object with unit, cluster, cause, source, digest, counts and, where they are known, authors.',
        expression,
      ),
    ),
    expression: text(
      'Must be true of the answer, in CEL. It knows response, with status, headers (by their names in lower case) and body (what it says as JSON, or the text of it), and change, unit and source.',
      expression,
    ),
    messageExpression: Type.Optional(
      text('What to tell people when it is not true, as an expression over the same that gives a text.', {
        maxLength: 10_240,
      }),
    ),
  },
);

const ONE_SYSTEM = 'exactly one of jira, serviceNow and webhook must be given';
const A_STATUS = 'jira needs statuses or statusCategories';

/** The answer of one other system. */
export const externalRule = withRules(
  object(
    'What another system must say. Until it does the change waits; an error, no answer and a wrong one say nothing.',
    {
      name: text('Names the rule in messages and records.', { minLength: 1, maxLength: 63 }),
      jira: Type.Optional(jira),
      serviceNow: Type.Optional(serviceNow),
      webhook: Type.Optional(webhook),
      timeout: Type.Optional(duration('How long an answer may take, a minute at most. 10s by default.')),
      retryInterval: Type.Optional(
        duration('How soon it is asked again while it lets nothing pass, 1s at least. 30s by default.'),
      ),
      cache: Type.Optional(duration('How long an answer that lets pass counts, 10s at least. 1m by default.')),
      causes: causes('Causes that are governed. By default routine and prune.'),
    },
  ),
  [
    {
      rule: '[has(self.jira), has(self.serviceNow), has(self.webhook)].exists_one(given, given)',
      message: ONE_SYSTEM,
      holds: ({ jira: a, serviceNow: b, webhook: c }) => [a, b, c].filter((one) => one !== undefined).length === 1,
    },
    {
      rule: '!has(self.jira) || has(self.jira.statuses) || has(self.jira.statusCategories)',
      message: A_STATUS,
      holds: ({ jira: asked }) =>
        asked === undefined || asked.statuses !== undefined || asked.statusCategories !== undefined,
    },
  ],
);

export type ExternalRule = Type.Static<typeof externalRule>;
export type JiraRule = Type.Static<typeof jira>;
export type ServiceNowRule = Type.Static<typeof serviceNow>;
export type WebhookRule = Type.Static<typeof webhook>;
