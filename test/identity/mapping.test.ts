import { describe, expect, test } from 'vitest'
import { codeOf } from '../../src/contract/failures.ts'
import type { Identity } from '../../src/contract/statement.ts'
import { type Claims, type IdentityMapping, mapToken } from '../../src/identity/mapping.ts'
import { parseMapping } from '../../src/identity/mapping-file.ts'

function mappingOf(more = '', workspace = '    workspace: acme\n', people = ''): IdentityMapping {
  const text = `issuers:
  - issuer: https://login.acme.example
    audience: countersign
    algorithms: [RS256]
${workspace}${more}${people}`
  const parsed = parseMapping(text, 'identity.yaml')
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.mapping
}

function identityOf(mapping: IdentityMapping, claims: Claims, workspace?: string): Identity | string {
  const [issuer] = mapping.issuers
  if (issuer === undefined) throw new Error('an issuer')
  try {
    return mapToken(mapping, issuer, claims).identityIn(workspace)
  } catch (error) {
    return codeOf(error) ?? String(error)
  }
}
const subjectOf = (mapping: IdentityMapping, claims: Claims): string => {
  const identity = identityOf(mapping, claims)
  return typeof identity === 'string' ? `refused: ${identity}` : identity.subject
}
const kindOf = (mapping: IdentityMapping, claims: Claims): string => {
  const identity = identityOf(mapping, claims)
  return typeof identity === 'string' ? `refused: ${identity}` : identity.kind
}

test('a token without anything but a subject is of a user without groups and scopes', () => {
  expect(identityOf(mappingOf(), { sub: 'ben', groups: ['admins'], scope: 'all' })).toEqual({
    subject: 'ben',
    issuer: 'https://login.acme.example',
    kind: 'user',
    groups: [],
    scopes: [],
    workspace: 'acme',
    assurance: {},
    development: false,
  })
})

test('assurance is that of the token', () => {
  const claims = { sub: 'ben', acr: 'urn:mfa', amr: ['pwd', 'otp', 'pwd'], auth_time: 1_795_683_600 }
  expect(identityOf(mappingOf(), claims)).toMatchObject({
    assurance: { acr: 'urn:mfa', amr: ['otp', 'pwd'], authTime: '2026-11-26T09:00:00.000Z' },
  })
})

describe('groups', () => {
  const mapping = mappingOf(
    '    claims: {groups: realm.roles}\n    groups: {refunds: [/r, /all], dns: [/d, /all], x: [/x]}\n',
  )
  test.each<readonly [string, unknown, readonly string[] | string]>([
    ['of a list', ['/r', '/unknown'], ['refunds']],
    ['of one text', '/d', ['dns']],
    ['of a value that is in two', ['/all'], ['dns', 'refunds']],
    ['of nothing', undefined, []],
    ['of null', null, []],
    ['of an empty list', [], []],
    ['that only look alike', ['/R', ' /r', 'refunds'], []],
    ['of numbers', [1], 'identity_unmapped'],
    ['of a map', { '/r': true }, 'identity_unmapped'],
  ])('%s', (_what, roles, expected) => {
    const identity = identityOf(mapping, { sub: 'ben', realm: { roles } })
    expect(typeof identity === 'string' ? identity : identity.groups).toEqual(expected)
  })

  test('that stand elsewhere, or that objects inherit, are none', () => {
    expect(identityOf(mapping, { sub: 'ben', 'realm.roles': ['/r'] })).toMatchObject({ groups: [] })
    expect(identityOf(mapping, { sub: 'ben', realm: Object.create({ roles: ['/r'] }) })).toMatchObject({ groups: [] })
    expect(identityOf(mapping, { sub: 'ben', realm: '/r' })).toMatchObject({ groups: [] })
  })
})

describe('workspaces and their scopes', () => {
  const mapping = mappingOf('    claims: {workspaces: spaces, scopes: scope}\n', '')
  const both = { acme: ['refunds:write'], other: 'zones:write zones:read' }
  test.each<readonly [string, Claims, string | undefined, readonly string[] | string]>([
    ['the only one', { spaces: { acme: ['b', 'a'] } }, undefined, ['a', 'b']],
    ['the named one', { spaces: both }, 'other', ['zones:read', 'zones:write']],
    ['scopes of all, and of the one', { spaces: both, scope: 'openid' }, 'acme', ['openid', 'refunds:write']],
    ['none is named', { spaces: both }, undefined, 'workspace_refused'],
    ['another one is named', { spaces: both }, 'zoo', 'workspace_refused'],
    ['one in other letters is named', { spaces: both }, 'Acme', 'workspace_refused'],
    ['what objects have is named', { spaces: both }, 'constructor', 'workspace_refused'],
    ['a list of them', { spaces: ['acme', 'other'], scope: 'x' }, 'acme', ['x']],
    ['none at all', {}, undefined, 'workspace_refused'],
    ['an empty map', { spaces: {} }, undefined, 'workspace_refused'],
    ['numbers', { spaces: [1] }, undefined, 'identity_unmapped'],
    ['scopes that are no texts', { spaces: { acme: [{}] } }, 'acme', 'identity_unmapped'],
    ['a workspace without a name', { spaces: { '': [] } }, undefined, 'identity_unmapped'],
    [
      'a hundred and one scopes',
      { spaces: { acme: Array.from({ length: 101 }, (_, at) => `s${at}`) } },
      'acme',
      'identity_unmapped',
    ],
  ])('%s', (_what, claims, workspace, expected) => {
    const identity = identityOf(mapping, { sub: 'ben', ...claims }, workspace)
    expect(typeof identity === 'string' ? identity : identity.scopes).toEqual(expected)
  })
})

test('a workspace of the issuer is the only one', () => {
  expect(identityOf(mappingOf(), { sub: 'ben' }, 'other')).toBe('workspace_refused')
})

describe('the kind', () => {
  test.each<readonly [Claims, string]>([
    [{ sub: 'job', client_id: 'job' }, 'service'],
    [{ sub: 'job', azp: 'job' }, 'service'],
    [{ sub: 'ben', client_id: 'web' }, 'user'],
    [{ sub: 'ben', client_id: 'web', azp: 'ben' }, 'user'],
    [{ sub: 'ben' }, 'user'],
  ])('of %o is %s where no claim tells', (claims, kind) => {
    expect(kindOf(mappingOf(), claims)).toBe(kind)
  })

  const strict = mappingOf('    claims: {kind: type}\n    kinds: {user: [person], agent: [bot, llm]}\n')
  const loose = mappingOf('    claims: {kind: type}\n    kinds: {user: [person], otherwise: service}\n')
  test.each<readonly [string, unknown, string]>([
    ['person', 'user', 'user'],
    ['bot', 'agent', 'service'],
    ['other', 'refused: identity_unmapped', 'service'],
  ])('%s', (type, strictly, loosely) => {
    expect(kindOf(strict, { sub: 'x', type })).toBe(strictly)
    expect(kindOf(loose, { sub: 'x', type })).toBe(loosely)
  })
  test('that is missing is none', () => {
    expect(kindOf(strict, { sub: 'x' })).toBe('refused: identity_unmapped')
    expect(kindOf(strict, { sub: 'x', type: 1 })).toBe('refused: identity_unmapped')
  })
})

describe('one human has one subject', () => {
  const byNumber = mappingOf('    claims: {person: employee_id}\n    subject_prefix: "corp:"\n')
  const byMail = mappingOf('    claims: {person: email}\n')
  const byTable = mappingOf(
    '    subject_prefix: "corp:"\n',
    undefined,
    'people: {Ana Ng: ["corp:ana", "corp:ana-admin"]}\n',
  )
  const byBoth = mappingOf(
    '    claims: {person: email}\n',
    undefined,
    'people: {ana@acme.example: [ana@old.example, u-7]}\n',
  )

  test.each<readonly [string, IdentityMapping, Claims, string]>([
    ['by a number', byNumber, { sub: 'a', employee_id: '77' }, '77'],
    ['by the same number of another account', byNumber, { sub: 'admin-a', employee_id: ' 77 ' }, '77'],
    ['whose number is left out', byNumber, { sub: 'a' }, 'refused: identity_unmapped'],
    ['whose number is no text', byNumber, { sub: 'a', employee_id: 77 }, 'refused: identity_unmapped'],
    ['whose number is blank', byNumber, { sub: 'a', employee_id: ' ' }, 'refused: identity_unmapped'],
    ['that is a service, without a number', byNumber, { sub: 'job', client_id: 'job' }, 'corp:job'],
    ['by mail', byMail, { sub: 'a', email: 'Ana@Acme.example', email_verified: true }, 'ana@acme.example'],
    ['by mail that nobody verified', byMail, { sub: 'a', email: 'ana@acme.example' }, 'refused: identity_unmapped'],
    [
      'by mail that is said to be verified',
      byMail,
      { sub: 'a', email: 'ana@acme.example', email_verified: 'true' },
      'refused: identity_unmapped',
    ],
    ['by the table', byTable, { sub: 'ana-admin' }, 'Ana Ng'],
    ['by the table, in other letters', byTable, { sub: 'ＡNA' }, 'Ana Ng'],
    ['that the table does not know', byTable, { sub: 'ben' }, 'corp:ben'],
    ['by an old address', byBoth, { sub: 'x', email: 'ana@old.example', email_verified: true }, 'ana@acme.example'],
    ['by the account', byBoth, { sub: 'u-7', email: 'ana@new.example', email_verified: true }, 'ana@acme.example'],
  ])('%s', (_what, mapping, claims, subject) => {
    expect(subjectOf(mapping, claims)).toBe(subject)
  })
})

test.each<readonly [string, Claims]>([
  ['no subject', {}],
  ['a subject that is a number', { sub: 1 }],
  ['a blank subject', { sub: '  ' }],
  ['an invisible subject', { sub: '\u200B' }],
  ['a subject of 300 characters', { sub: 'x'.repeat(300) }],
  ['a subject with half a character', { sub: 'a\uD800' }],
  ['an `acr` that is no text', { sub: 'ben', acr: 3 }],
  ['an `amr` that is no list', { sub: 'ben', amr: { otp: true } }],
  ['an `auth_time` that is no time', { sub: 'ben', auth_time: 'now' }],
  ['an `auth_time` of another age', { sub: 'ben', auth_time: 1e15 }],
])('a token with %s is of nobody', (_what, claims) => {
  expect(identityOf(mappingOf(), claims)).toBe('identity_unmapped')
})
