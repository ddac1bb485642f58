import { readFileSync } from 'node:fs'
import { isSeq } from 'yaml'
import { deepFreeze } from '../contract/json.ts'
import { normaliseText } from '../contract/plain-text.ts'
import { personName } from '../contract/principal.ts'
import { MAX_NAMES } from '../contract/statement.ts'
import { quoted } from '../policy/decide/words.ts'
import { type Found, readName, readOneOf, type Reader, readWholeNumber } from '../policy/load/found.ts'
import { formatProblem, type PolicyProblem, Report } from '../policy/load/problem.ts'
import { readEntries, readItems, readMap, readSection, Section } from '../policy/load/section.ts'
import { readMappingSource } from '../policy/load/source.ts'
import { ALGORITHMS, type ClaimPath, type IdentityMapping, type IssuerMapping, TOKEN_TYPES } from './mapping.ts'

const MOST_ISSUERS = 20
const MOST_VALUES = 200
const KINDS = ['user', 'service', 'agent'] as const

/** A list of what a reader reads, or one of it. */
const oneOrMore =
  <T>(reader: Reader<T>, most: number): Reader<readonly T[]> =>
  (found, report) => {
    if (!isSeq(found.node)) {
      const only = reader(found, report)
      return only === undefined ? undefined : [only]
    }
    return readItems(found, report, most)?.flatMap((item) => {
      const one = reader(item, report)
      return one === undefined ? [] : [one]
    })
  }

const isLoopback = (host: string): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(host)

/** A URL that can be trusted with who somebody is: https, or on this machine. */
const readUrl: Reader<string> = (found, report) => {
  const text = readName(found, report)
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  if (isSafe && url.username === '' && url.password === '' && url.hash === '' && !/\s/u.test(text)) return text
  const message = `\`${found.name}\` must be an https URL, got ${quoted(text)}.`
  return report.at(
    found.offset,
    message,
    'write it such as `https://login.acme.example`; http is for this machine only.',
  )
}

/** A name as it stands in a statement: of at most 200 characters, and without blanks around it. */
const readPerson: Reader<string> = (found, report) => {
  const text = readName(found, report)
  if (text === undefined || personName().safeParse(text).data === text) return text
  return report.at(
    found.offset,
    `\`${found.name}\` is no name.`,
    'write 1 to 200 visible characters, no blanks around it.',
  )
}

/** `realm_access.roles`, or a list of keys where one of them has a dot in it. */
const readClaim: Reader<ClaimPath> = (found, report) => {
  if (isSeq(found.node)) return oneOrMore(readName, 8)(found, report)
  const keys = readName(found, report)?.split('.')
  if (keys === undefined || keys.every((key) => key !== '')) return keys
  const help = 'write keys with dots between them, or a list of keys where one has a dot in it.'
  return report.at(found.offset, `\`${found.name}\` is no path to a claim.`, help)
}

const CLAIM_KEYS = ['subject', 'person', 'groups', 'scopes', 'workspaces', 'kind'] as const

const readClaims = readSection(CLAIM_KEYS, (section): IssuerMapping['claims'] => ({
  subject: section.read('subject', readClaim, ['sub']),
  person: section.read('person', readClaim, null),
  groups: section.read('groups', readClaim, null),
  scopes: section.read('scopes', readClaim, null),
  workspaces: section.read('workspaces', readClaim, null),
  kind: section.read('kind', readClaim, null),
}))
const CLAIMS: IssuerMapping['claims'] = {
  subject: ['sub'],
  person: null,
  groups: null,
  scopes: null,
  workspaces: null,
  kind: null,
}

/** Names with lists of texts below them. */
const readLists: Reader<ReadonlyMap<string, readonly string[]>> = (found, report) => {
  const map = readMap(found, report)
  if (map === undefined) return undefined
  const entries = readEntries(map, found.name, report)
  if (entries.length > MAX_NAMES) {
    return report.at(found.offset, `\`${found.name}\` has more than ${MAX_NAMES} entries.`, 'keep those that are used.')
  }
  const lists = new Map<string, readonly string[]>()
  for (const entry of entries) {
    if (personName().safeParse(entry.key).data !== entry.key) {
      report.at(entry.keyOffset, `${quoted(entry.key)} is no name.`, 'write 1 to 200 visible characters.')
    }
    lists.set(entry.key, oneOrMore(readName, MOST_VALUES)(entry, report) ?? [])
  }
  return lists
}

const readKinds: Reader<Pick<IssuerMapping, 'kinds' | 'otherwise'>> = (found, report) => {
  const read = readSection([...KINDS, 'otherwise'] as const, (section) => ({
    each: KINDS.flatMap((kind) =>
      section.read(kind, oneOrMore(readName, MOST_VALUES), []).map((value) => [value, kind] as const),
    ),
    otherwise: section.read('otherwise', readOneOf(KINDS), null),
  }))(found, report)
  if (read === undefined) return undefined
  const kinds = new Map(read.each)
  if (kinds.size < read.each.length) {
    report.at(found.offset, `\`${found.name}\` lists a value twice.`, 'list each value below one kind.')
  }
  return { kinds, otherwise: read.otherwise }
}
const KIND: Pick<IssuerMapping, 'kinds' | 'otherwise'> = { kinds: new Map(), otherwise: null }

const readLogin = readSection(['client_id', 'scope', 'resource'] as const, (section): IssuerMapping['login'] => ({
  clientId: section.require('client_id', readName, ''),
  scope: section.read('scope', readName, 'openid offline_access'),
  resource: section.read('resource', readName, null),
}))

const ISSUER_KEYS = [
  'issuer',
  'audience',
  'algorithms',
  'jwks_uri',
  'token_types',
  'clock_tolerance_seconds',
  'max_token_age_seconds',
  'subject_prefix',
  'workspace',
  'claims',
  'groups',
  'kinds',
  'login',
] as const

/** What only the whole of an issuer shows. */
function checkIssuer(
  found: Found,
  section: Section<(typeof ISSUER_KEYS)[number]>,
  issuer: IssuerMapping,
  report: Report,
): void {
  const { claims, groups, workspace, login, tokenTypes, audience } = issuer
  const wrong = (message: string, help: string): undefined =>
    report.at(found.offset, `\`${found.name}\`: ${message}`, help)
  if ((workspace === null) === (claims.workspaces === null)) {
    const both = 'write `workspace` where all are of one, or `claims.workspaces` where the token says, and not both.'
    wrong('it must say of which workspace its people are.', both)
  }
  if (groups.size > 0 && claims.groups === null) wrong('`groups` needs `claims.groups`.', 'say which claim lists them.')
  if (section.has('kinds') !== (claims.kind !== null))
    wrong('`kinds` and `claims.kind` need each other.', 'write both or neither.')
  if (login !== null && !tokenTypes.every((type) => type === 'at+jwt') && audience.includes(login.clientId)) {
    const help = 'name another `audience`, or leave `token_types` at `at+jwt`.'
    wrong('an ID token of its `login.client_id` would pass for an access token.', help)
  }
}

const readIssuer: Reader<IssuerMapping> = (found, report) =>
  readSection(ISSUER_KEYS, (section): IssuerMapping => {
    const issuer: IssuerMapping = {
      issuer: section.require('issuer', readUrl, ''),
      audience: section.require('audience', oneOrMore(readName, 10), []),
      algorithms: section.require('algorithms', oneOrMore(readOneOf(ALGORITHMS), ALGORITHMS.length), []),
      jwksUri: section.read('jwks_uri', readUrl, null),
      tokenTypes: section.read('token_types', oneOrMore(readOneOf(TOKEN_TYPES), TOKEN_TYPES.length), ['at+jwt']),
      clockToleranceSeconds: section.read('clock_tolerance_seconds', readWholeNumber(0, 300), 30),
      maxTokenAgeSeconds: section.read('max_token_age_seconds', readWholeNumber(60, 86_400), 3600),
      subjectPrefix: section.read('subject_prefix', readPerson, ''),
      claims: section.read('claims', readClaims, CLAIMS),
      workspace: section.read('workspace', readPerson, null),
      groups: section.read('groups', readLists, new Map()),
      ...section.read('kinds', readKinds, KIND),
      login: section.read('login', readLogin, null),
    }
    checkIssuer(found, section, issuer, report)
    return issuer
  })(found, report)

const readIssuers: Reader<readonly IssuerMapping[]> = (found, report) => {
  const read: IssuerMapping[] = []
  const items = readItems(found, report, MOST_ISSUERS) ?? []
  for (const item of items) {
    const issuer = readIssuer(item, report)
    if (issuer === undefined) continue
    if (read.some((other) => other.issuer === issuer.issuer)) {
      report.at(item.offset, `the issuer ${quoted(issuer.issuer)} stands twice.`, 'keep one of the two.')
    }
    if (items.length > 1 && issuer.subjectPrefix === '') {
      const help = 'give each issuer a prefix of its own, such as `corp:`.'
      report.at(
        item.offset,
        `\`${item.name}\` lacks \`subject_prefix\`: a subject of one issuer could be taken for one of another.`,
        help,
      )
    } else if (items.length > 1 && read.some((other) => other.subjectPrefix === issuer.subjectPrefix)) {
      report.at(
        item.offset,
        `two issuers have the \`subject_prefix\` ${quoted(issuer.subjectPrefix)}.`,
        'give each its own.',
      )
    }
    read.push(issuer)
  }
  return read
}

/** One name for each human, and the other subjects that he has. */
const readPeople: Reader<ReadonlyMap<string, string>> = (found, report) => {
  const people = new Map<string, string>()
  for (const [canonical, others] of readLists(found, report) ?? []) {
    for (const subject of [canonical, ...others]) {
      const compared = normaliseText(subject)
      if (people.has(compared)) {
        const message = `\`${found.name}\` has ${quoted(subject)} of two people, or twice.`
        report.at(found.offset, message, 'list each subject once, below the one name of its human.')
      }
      people.set(compared, canonical)
    }
  }
  return people
}

export type ParsedMapping =
  | { readonly ok: true; readonly mapping: IdentityMapping }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

/**
 * Reads the text of an `identity.yaml`. Either a mapping, or every problem that was found, in the order of the text. `file` is
 * only for messages. Never throws and never hangs, whatever the text.
 */
export function parseMapping(text: string, file: string): ParsedMapping {
  const report = new Report(file, text, 'identity_invalid')
  const map = readMappingSource(text, report)
  if (map === undefined) return { ok: false, problems: report.problems }
  const top = new Section(map, '', ['issuers', 'people'] as const, report)
  const issuers = top.require('issuers', readIssuers, [])
  const people = top.read('people', readPeople, new Map<string, string>())
  if (!report.isEmpty) return { ok: false, problems: report.problems }
  return { ok: true, mapping: deepFreeze({ issuers, people }) }
}

/** A mapping that cannot be used: the message names each problem with file, line and column; `help` says what to do about it. */
class MappingError extends Error {
  override readonly name = 'MappingError'
  readonly help: string

  constructor(message: string, help = 'Mend the file; its form is in docs/identity.md.', options?: ErrorOptions) {
    super(message, options)
    this.help = help
  }
}

/** Reads a mapping from a file; throws `MappingError`. */
export function readMapping(file: string): IdentityMapping {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    throw code === 'ENOENT'
      ? new MappingError(
          `there is no \`${file}\` here`,
          'Name the file by --identity; its form is in docs/identity.md.',
          {
            cause: error,
          },
        )
      : new MappingError(`\`${file}\` cannot be read: ${code}`, 'Check its permissions.', { cause: error })
  }
  const parsed = parseMapping(text, file)
  if (parsed.ok) return parsed.mapping
  throw new MappingError(parsed.problems.map(formatProblem).join('\n'))
}
