import { expect, test } from 'vitest'
import { parseMapping, readMapping } from '../../src/identity/mapping-file.ts'
import { formatProblem } from '../../src/policy/load/index.ts'

const GOOD = `issuers:
  - issuer: https://login.acme.example/realms/acme
    audience: countersign
    algorithms: [RS256, ES256]
    jwks_uri: https://login.acme.example/realms/acme/certs
    token_types: [at+jwt, jwt]
    clock_tolerance_seconds: 10
    max_token_age_seconds: 900
    subject_prefix: 'corp:'
    claims:
      subject: sub
      person: employee_id
      groups: realm_access.roles
      scopes: scope
      workspaces: [ 'https://acme.example/workspaces' ]
      kind: type
    groups:
      refund-approvers: [/acme/refunds, /acme/finance]
      zone-owners: /acme/dns
    kinds:
      user: person
      service: [client, job]
      otherwise: agent
    login:
      client_id: countersign-cli
  - issuer: http://127.0.0.1:4000
    audience: [a, b]
    algorithms: EdDSA
    subject_prefix: 'local:'
    workspace: lab
people:
  ana@acme.example: ['local:ana', corp:ana-admin]
`

test('a mapping says of each issuer what is trusted and how claims are read', () => {
  const parsed = parseMapping(GOOD, 'identity.yaml')
  expect(parsed.ok ? parsed.mapping : parsed.problems.map(formatProblem)).toEqual({
    issuers: [
      {
        issuer: 'https://login.acme.example/realms/acme',
        audience: ['countersign'],
        algorithms: ['RS256', 'ES256'],
        jwksUri: 'https://login.acme.example/realms/acme/certs',
        tokenTypes: ['at+jwt', 'jwt'],
        clockToleranceSeconds: 10,
        maxTokenAgeSeconds: 900,
        subjectPrefix: 'corp:',
        claims: {
          subject: ['sub'],
          person: ['employee_id'],
          groups: ['realm_access', 'roles'],
          scopes: ['scope'],
          workspaces: ['https://acme.example/workspaces'],
          kind: ['type'],
        },
        workspace: null,
        groups: new Map([
          ['refund-approvers', ['/acme/refunds', '/acme/finance']],
          ['zone-owners', ['/acme/dns']],
        ]),
        kinds: new Map([
          ['person', 'user'],
          ['client', 'service'],
          ['job', 'service'],
        ]),
        otherwise: 'agent',
        login: { clientId: 'countersign-cli', scope: 'openid offline_access', resource: null },
      },
      {
        issuer: 'http://127.0.0.1:4000',
        audience: ['a', 'b'],
        algorithms: ['EdDSA'],
        jwksUri: null,
        tokenTypes: ['at+jwt'],
        clockToleranceSeconds: 30,
        maxTokenAgeSeconds: 3600,
        subjectPrefix: 'local:',
        claims: { subject: ['sub'], person: null, groups: null, scopes: null, workspaces: null, kind: null },
        workspace: 'lab',
        groups: new Map(),
        kinds: new Map(),
        otherwise: null,
        login: null,
      },
    ],
    people: new Map([
      ['ana@acme.example', 'ana@acme.example'],
      ['local:ana', 'ana@acme.example'],
      ['corp:ana-admin', 'ana@acme.example'],
    ]),
  })
})

const ONE = `issuers:
  - issuer: https://login.acme.example
    audience: countersign
    algorithms: [RS256]
    workspace: acme
`
const adding = (more: string): string => `${ONE}${more}`
const instead = (from: string, to: string): string => ONE.replace(from, to)

/** What is wrong, the file, and where and how it is told. */
const WRONG: readonly (readonly [string, string, string])[] = [
  ['an empty file', '', 'identity.yaml:1:1 the file is empty.\n  start it with `issuers:`.'],
  [
    'two documents',
    `${ONE}---\n${ONE}`,
    'identity.yaml:6:1 a second document.\n  a mapping of identities file holds one; take out the `---`.',
  ],
  [
    'a file that is too long',
    `${ONE}#${'x'.repeat(65_536)}\n`,
    'identity.yaml:1:1 the file is longer than 65536 bytes.\n  list groups and not people.',
  ],
  [
    'a file that nests too deep',
    `people: ${'['.repeat(20)}${']'.repeat(20)}\n`,
    'the file nests deeper than 16 levels.\n  a mapping needs five.',
  ],
  ['a list', '- a', 'identity.yaml:1:1 it is a map of keys, not a list.'],
  ['no YAML', 'issuers: [', 'identity.yaml:1:11 not YAML'],
  ['no issuers', 'people: {}', 'identity.yaml:1:1 the file lacks the key `issuers`.\n  add it; see docs/identity.md.'],
  ['an empty list of issuers', 'issuers: []', 'identity.yaml:1:10 `issuers` must list 1 to 20 entries, got 0.'],
  ['an unknown key', adding('peoples: {}'), 'identity.yaml:6:1 unknown key `peoples`.\n  did you mean `people`?'],
  [
    'an unknown key of an issuer',
    adding('    audiance: x'),
    'identity.yaml:6:5 unknown key `audiance` in issuers[0].\n  did you mean `audience`?',
  ],
  [
    'an unknown claim',
    adding('    claims: {group: x}'),
    'identity.yaml:6:14 unknown key `group` in issuers[0].claims.',
  ],
  [
    'no audience',
    instead('    audience: countersign\n', ''),
    'identity.yaml:2:5 `issuers[0]` lacks the key `audience`.',
  ],
  ['an audience that is blank', instead('countersign', "' '"), 'identity.yaml:3:15 `issuers[0].audience` is blank.'],
  [
    'no algorithms',
    instead('    algorithms: [RS256]\n', ''),
    'identity.yaml:2:5 `issuers[0]` lacks the key `algorithms`.',
  ],
  [
    'an empty list of algorithms',
    instead('[RS256]', '[]'),
    'identity.yaml:4:17 `issuers[0].algorithms` must list 1 to 11 entries, got 0.',
  ],
  [
    'the algorithm none',
    instead('[RS256]', '[none]'),
    'identity.yaml:4:18 `issuers[0].algorithms[0]` must be one of `RS256`',
  ],
  [
    'a shared secret',
    instead('[RS256]', '[RS256, HS256]'),
    'identity.yaml:4:25 `issuers[0].algorithms[1]` must be one of `RS256`',
  ],
  [
    'an issuer by http',
    instead('https:', 'http:'),
    'identity.yaml:2:13 `issuers[0].issuer` must be an https URL, got `http://login.acme.example`.',
  ],
  ['an issuer with a password', instead('https://', 'https://a:b@'), '`issuers[0].issuer` must be an https URL'],
  [
    'an issuer that is no URL',
    instead('https://login.acme.example', 'acme'),
    '`issuers[0].issuer` must be an https URL, got `acme`.',
  ],
  [
    'keys by http',
    adding('    jwks_uri: http://keys.acme.example'),
    'identity.yaml:6:15 `issuers[0].jwks_uri` must be an https URL',
  ],
  [
    'an unknown type of token',
    adding('    token_types: [id]'),
    'identity.yaml:6:19 `issuers[0].token_types[0]` must be one of `at+jwt`, `jwt`, `absent`',
  ],
  [
    'a tolerance of an hour',
    adding('    clock_tolerance_seconds: 3600'),
    'identity.yaml:6:30 `issuers[0].clock_tolerance_seconds` must be a whole number from 0 to 300',
  ],
  [
    'tokens of a week',
    adding('    max_token_age_seconds: 604800'),
    '`issuers[0].max_token_age_seconds` must be a whole number from 60 to 86400',
  ],
  [
    'an issuer twice',
    ONE + ONE.replace('issuers:\n', ''),
    'identity.yaml:6:5 the issuer `https://login.acme.example` stands twice.',
  ],
  [
    'two issuers whose subjects are not told apart',
    ONE + instead('login', 'other').replace('issuers:\n', ''),
    'identity.yaml:2:5 `issuers[0]` lacks `subject_prefix`',
  ],
  [
    'no workspace',
    instead('    workspace: acme\n', ''),
    'identity.yaml:2:5 `issuers[0]`: it must say of which workspace its people are.',
  ],
  [
    'two ways to a workspace',
    adding('    claims: {workspaces: w}'),
    '`issuers[0]`: it must say of which workspace its people are.',
  ],
  [
    'groups that no claim lists',
    adding('    groups: {a: [b]}'),
    'identity.yaml:2:5 `issuers[0]`: `groups` needs `claims.groups`.',
  ],
  [
    'kinds that no claim tells',
    adding('    kinds: {user: [b]}'),
    'identity.yaml:2:5 `issuers[0]`: `kinds` and `claims.kind` need each other.',
  ],
  [
    'a kind that is told and not read',
    adding('    claims: {kind: type}'),
    '`kinds` and `claims.kind` need each other.',
  ],
  [
    'a value of two kinds',
    adding('    claims: {kind: t}\n    kinds: {user: [a], service: [a]}'),
    'identity.yaml:7:12 `issuers[0].kinds` lists a value twice.',
  ],
  [
    'an unknown kind',
    adding('    claims: {kind: t}\n    kinds: {admin: [a]}'),
    'identity.yaml:7:13 unknown key `admin` in issuers[0].kinds.',
  ],
  [
    'a claim path with a hole',
    adding('    claims: {groups: a..b}'),
    'identity.yaml:6:22 `issuers[0].claims.groups` is no path to a claim.',
  ],
  [
    'a login without a client',
    adding('    login: {scope: openid}'),
    'identity.yaml:6:12 `issuers[0].login` lacks the key `client_id`.',
  ],
  [
    'ID tokens that would pass',
    adding('    token_types: [jwt]\n    login: {client_id: countersign}'),
    '`issuers[0]`: an ID token of its `login.client_id` would pass for an access token.',
  ],
  [
    'a person of two names',
    adding('people: {ana: [x], ben: [X]}'),
    'identity.yaml:6:9 `people` has `X` of two people, or twice.',
  ],
  [
    'a person that is an alias',
    adding('people: {ana: [ben], ben: [c]}'),
    '`people` has `ben` of two people, or twice.',
  ],
  [
    'a name that objects have',
    adding('people: {__proto__: [x]}'),
    'identity.yaml:6:10 the key `__proto__` is not allowed.',
  ],
  ['a key twice', adding('    audience: other'), 'identity.yaml:6:5 duplicate key `audience`.'],
  ['an alias of YAML', instead('countersign', '&a countersign'), 'identity.yaml:3:15 the anchor `&a` is not allowed.'],
  ['a tag', instead('countersign', '!!str countersign'), 'the tag `!!str` is not allowed.'],
  ['a second document', `${ONE}---\n${ONE}`, 'a second document.'],
]

test.each(WRONG)('%s is told with file, line and column', (_what, text, said) => {
  const parsed = parseMapping(text, 'identity.yaml')
  expect(parsed.ok ? [] : parsed.problems.map(formatProblem).join('\n')).toContain(said)
})

test('a file that is not there is told by name', () => {
  expect(() => readMapping('none.yaml')).toThrow('there is no `none.yaml` here')
})
