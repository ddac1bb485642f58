import { canonicalJson, digestOf, digestOfText } from '../../src/contract/digest.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import type { About, Statement } from '../../src/contract/statement.ts'
import { useStatement } from '../../src/ledger/statements.ts'
import { ABOUTS } from '../identity/saying.ts'
import { CLEO, GATEWAY, KEYS, type Office, signed, signedAnyhow } from './office.ts'
import type { Scene, Target } from './targets.ts'

/** One way to get something said that nobody said, or not so. */
export interface Tamper {
  readonly kind: string
  /** What is altered, lifted or missing. */
  readonly what?: string
  readonly code: FailureCode
  readonly make: (scene: Scene, office: Office) => unknown
}

const ago = (minutes: number): { readonly at: Date } => ({ at: new Date(Date.now() - minutes * 60_000) })
const good = ({ about, who }: Scene): Statement => signed(about, who)
/** What a statement says, without who signed it. */
const said = (scene: Scene): object => {
  const { signature: _, ...rest } = good(scene)
  return rest
}

/** Another value for each field of what is said, and by which code it is refused when the gateway signed it so. */
const OTHERS: Readonly<Record<string, readonly [changed: unknown, code: FailureCode]>> = {
  workflowId: ['another-run', 'statement_other_run'],
  runKey: [runKeyOf('another-run', 'run-1'), 'statement_other_run'],
  playbook: ['cites', 'statement_other_playbook'],
  requestDigest: [digestOf({ acts: [] }), 'statement_other_request'],
  step: ['box.put-2', 'statement_other_step'],
  actionDigest: [digestOf({}), 'statement_other_action'],
  inputDigest: [digestOf({}), 'statement_other_action'],
  commentDigest: [digestOfText('other words'), 'statement_other_words'],
  whyDigest: [digestOfText('other words'), 'statement_other_words'],
  resolution: ['retry', 'statement_other_decision'],
  scope: ['tool', 'statement_other_target'],
  name: ['another', 'statement_other_target'],
}

const FIELDS: Readonly<Record<Target, readonly string[]>> = {
  start: ['workflowId', 'playbook', 'requestDigest'],
  approve: ['runKey', 'step', 'actionDigest', 'commentDigest'],
  reject: ['runKey', 'step', 'actionDigest', 'commentDigest'],
  change: ['runKey', 'step', 'actionDigest', 'commentDigest', 'inputDigest'],
  undo: ['runKey', 'whyDigest'],
  resolve: ['runKey', 'step', 'resolution', 'commentDigest'],
  stop: ['scope', 'name', 'whyDigest'],
  resume: ['scope', 'name', 'whyDigest'],
}

/** The parts of who says it, with another value for each. */
const WHO: Readonly<Record<string, unknown>> = {
  subject: 'boss@acme.example',
  issuer: 'https://evil.example',
  kind: 'service',
  groups: ['admins', 'approvers', 'operators'],
  scopes: ['box:use', 'everything'],
  assurance: { acr: 'urn:none' },
}

/** Where the first reading of a start already finds that it is none. */
const unreadable = (target: Target, code: FailureCode): FailureCode =>
  target === 'start' ? 'statement_malformed' : code

/** Signed by the gateway, and about something else. */
const lifted = (target: Target): readonly Tamper[] => [
  ...FIELDS[target].map((field): Tamper => {
    const [changed, code] = OTHERS[field] as readonly [unknown, FailureCode]
    return {
      kind: `about another ${field}`,
      code,
      make: ({ about, who }) => signed({ ...about, [field]: changed }, who),
    }
  }),
  ...(target === 'approve' || target === 'reject'
    ? [
        {
          kind: 'about another decision',
          code: 'statement_other_decision',
          make: ({ about, who }) =>
            signed({ ...about, decision: target === 'approve' ? 'reject' : 'approve' } as About, who),
        } satisfies Tamper,
      ]
    : []),
  ...(target === 'start'
    ? []
    : [
        {
          kind: 'said in another workspace',
          // Stops hold in all workspaces, and are said in any.
          code: 'statement_other_workspace',
          make: ({ about, who }) => signed(about, { ...who, workspace: 'other' }),
        } satisfies Tamper,
      ]),
  ...Object.values(ABOUTS)
    .filter(({ kind }) => kind !== (['approve', 'reject', 'change'].includes(target) ? 'decide' : target))
    .map((other): Tamper => ({
      kind: 'of another kind',
      what: other.kind,
      code: unreadable(target, 'statement_other_use'),
      make: ({ who }) => signed(other.kind === 'start' ? { ...other, workspace: who.workspace } : other, who),
    })),
]

/** Altered after the gateway signed it. */
const altered = (target: Target): readonly Tamper[] => [
  ...FIELDS[target].map((field): Tamper => ({
    kind: 'altered in what is said',
    what: field,
    code: 'statement_signature_wrong',
    make: ({ about, who }) => {
      const [changed] = OTHERS[field] as readonly [unknown, FailureCode]
      return { ...signed({ ...about, [field]: changed }, who), about }
    },
  })),
  ...Object.entries(WHO).map(([field, changed]): Tamper => ({
    kind: 'altered in who says it',
    what: field,
    code: 'statement_signature_wrong',
    make: (scene) => {
      const statement = good(scene)
      return { ...statement, who: { ...statement.who, [field]: changed } }
    },
  })),
  ...(target === 'start'
    ? [
        {
          kind: 'altered in for whom it is',
          code: 'statement_signature_wrong',
          make: (scene) => ({ ...good(scene), about: { ...scene.about, onBehalfOf: 'boss@acme.example' } }),
        } satisfies Tamper,
        {
          kind: 'altered in its workspace',
          code: 'statement_signature_wrong',
          make: (scene) => {
            const workspace = 'other'
            return { ...good(scene), about: { ...scene.about, workspace }, who: { ...scene.who, workspace } }
          },
        } satisfies Tamper,
      ]
    : []),
  {
    kind: 'altered in its times',
    what: 'expiresAt',
    code: 'statement_signature_wrong',
    make: (scene) => ({ ...good(scene), expiresAt: new Date(Date.now() + 1_800_000).toISOString() }),
  },
  {
    kind: 'altered in its nonce',
    code: 'statement_signature_wrong',
    make: (scene) => ({ ...good(scene), nonce: 'A'.repeat(32) }),
  },
]

/** Of another form, whoever signed it. */
const misshapen = (target: Target): readonly Tamper[] => [
  ...['v', 'about', 'who', 'issuedAt', 'expiresAt', 'nonce', 'keyId', 'signature'].map((field): Tamper => ({
    kind: 'without a field',
    what: field,
    code: 'statement_malformed',
    make: (scene) => Object.fromEntries(Object.entries(good(scene)).filter(([name]) => name !== field)),
  })),
  {
    kind: 'with a field more',
    what: 'beside',
    code: 'statement_malformed',
    make: (scene) => ({ ...good(scene), admin: true }),
  },
  {
    kind: 'with a field more',
    what: 'about',
    code: 'statement_malformed',
    make: ({ about, who, ...rest }) =>
      signedAnyhow({ ...said({ about, who, ...rest }), about: { ...about, admin: true } }),
  },
  {
    kind: 'with a field more',
    what: 'who',
    code: 'statement_malformed',
    make: (scene) => signedAnyhow({ ...said(scene), who: { ...scene.who, admin: true } }),
  },
  { kind: 'a text', code: 'statement_malformed', make: (scene) => canonicalJson(good(scene)) },
  { kind: 'a word', code: 'statement_malformed', make: () => 'approved' },
  { kind: 'a number', code: 'statement_malformed', make: () => 1 },
  { kind: 'true', code: 'statement_malformed', make: () => true },
  { kind: 'a list of it', code: 'statement_malformed', make: (scene) => [good(scene)] },
  { kind: 'an empty object', code: 'statement_malformed', make: () => ({}) },
  {
    kind: 'nested a thousand times',
    code: 'statement_malformed',
    make: () => JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`) as unknown,
  },
  {
    kind: 'a megabyte',
    code: 'statement_malformed',
    make: (scene) => signedAnyhow({ ...said(scene), who: { ...scene.who, issuer: 'x'.repeat(1_000_000) } }),
  },
  {
    kind: 'of more than 20,000 characters',
    code: 'statement_malformed',
    make: (scene) => {
      const groups = Array.from({ length: 100 }, (_, at) => `${'x'.repeat(190)}${String(at).padStart(3, '0')}`)
      return signedAnyhow({ ...said(scene), who: { ...scene.who, groups, scopes: groups } })
    },
  },
  {
    kind: 'of another version',
    code: 'statement_malformed',
    make: (scene) => signedAnyhow({ ...said(scene), v: 2 }),
  },
  {
    kind: 'with a signature in another form',
    code: 'statement_malformed',
    make: (scene) => {
      const statement = good(scene)
      return { ...statement, signature: `${statement.signature}==` }
    },
  },
  {
    kind: 'with groups out of order',
    code: 'statement_malformed',
    make: (scene) => signedAnyhow({ ...said(scene), who: { ...scene.who, groups: ['operators', 'approvers'] } }),
  },
  {
    kind: 'of somebody whose name cannot be seen',
    code: 'statement_malformed',
    make: (scene) => signedAnyhow({ ...said(scene), who: { ...scene.who, subject: '\u200b\u200b' } }),
  },
  {
    kind: 'an access token',
    code: 'statement_malformed',
    make: () => `eyJhbGciOiJSUzI1NiJ9.${'e30'.repeat(20)}.${'x'.repeat(86)}`,
  },
  {
    kind: 'that expires before it was issued',
    code: 'statement_malformed',
    make: (scene) => signedAnyhow({ ...said(scene), expiresAt: new Date(Date.now() - 60_000).toISOString() }),
  },
  {
    kind: 'valid for two hours',
    code: 'statement_malformed',
    make: ({ about, who }) => signed(about, who, { validMs: 7_200_000 }),
  },
  ...(target === 'start'
    ? [
        {
          kind: 'that starts in another workspace than it is said in',
          code: 'statement_malformed',
          make: (scene) => signedAnyhow({ ...said(scene), who: { ...scene.who, workspace: 'other' } }),
        } satisfies Tamper,
      ]
    : []),
]

/** Of another key, or of another time. */
const KEYS_AND_TIMES: readonly Tamper[] = [
  {
    kind: 'with a forged signature',
    code: 'statement_signature_wrong',
    make: (scene) => ({ ...good(scene), signature: `${'A'.repeat(85)}A` }),
  },
  {
    kind: 'with the signature of another statement',
    code: 'statement_signature_wrong',
    make: (scene) => ({ ...good(scene), signature: good(scene).signature }),
  },
  {
    kind: 'signed with another key under the gateway’s key id',
    code: 'statement_signature_wrong',
    make: ({ about, who }) => ({ ...signed(about, who, {}, KEYS.unknown), keyId: GATEWAY.keyId }),
  },
  {
    kind: 'signed with a key that nobody published',
    code: 'statement_key_unknown',
    make: ({ about, who }) => signed(about, who, {}, KEYS.unknown),
  },
  {
    kind: 'signed with the key of the host',
    code: 'statement_key_unknown',
    make: ({ about, who }, { world }) => signed(about, who, {}, world().key),
  },
  {
    kind: 'signed with a revoked key',
    code: 'statement_key_revoked',
    make: ({ about, who }) => signed(about, who, {}, KEYS.revoked),
  },
  {
    kind: 'signed with a compromised key, dated before it was',
    code: 'statement_key_revoked',
    make: ({ about, who }) => signed(about, who, ago(5), KEYS.compromised),
  },
  {
    kind: 'signed with a key whose time is over',
    code: 'statement_key_out_of_time',
    make: ({ about, who }) => signed(about, who, {}, KEYS.ended),
  },
  {
    kind: 'signed with a key whose time has not begun',
    code: 'statement_key_out_of_time',
    make: ({ about, who }) => signed(about, who, {}, KEYS.coming),
  },
  { kind: 'expired', code: 'statement_expired', make: ({ about, who }) => signed(about, who, ago(20)) },
  { kind: 'of the future', code: 'statement_not_yet_valid', make: ({ about, who }) => signed(about, who, ago(-5)) },
  {
    kind: 'of the development issuer',
    code: 'statement_development',
    make: ({ about, who }) => signed(about, { ...who, issuer: 'development', development: true }, {}, KEYS.development),
  },
  {
    kind: 'of the development key, as a gateway’s',
    code: 'statement_development',
    make: ({ about, who }) => signed(about, who, {}, KEYS.development),
  },
  {
    kind: 'of the gateway, as one of development',
    code: 'statement_development',
    make: ({ about, who }) => signed(about, { ...who, groups: ['*'], scopes: ['*'], development: true }),
  },
  {
    kind: 'with the nonce of another one',
    code: 'statement_used',
    make: async ({ about, who }, { world }) => {
      const used = signed({ kind: 'stop', scope: 'tool', name: 'any', whyDigest: digestOfText('') }, CLEO)
      await useStatement(world().db, used, null)
      const { signature: _, ...rest } = signed(about, who)
      return signedAnyhow({ ...rest, nonce: used.nonce })
    },
  },
  { kind: 'none', code: 'statement_missing', make: () => undefined },
  { kind: 'null', code: 'statement_missing', make: () => null },
]

/** What is not the same for stops: they hold everywhere, and take what the development issuer says. */
const NOT_OF_STOPS = ['said in another workspace', 'of the development issuer']

/** What is tried with each thing that can be said. */
export function tampersOf(target: Target): readonly Tamper[] {
  const all = [...KEYS_AND_TIMES, ...lifted(target), ...altered(target), ...misshapen(target)]
  const isStop = target === 'stop' || target === 'resume'
  return all
    .filter(({ kind }) => !isStop || !NOT_OF_STOPS.includes(kind))
    .map((one) => {
      // Stops have no message around a statement: without one, or with null, there is none of its form.
      if (isStop && one.code === 'statement_missing') return { ...one, code: 'statement_malformed' as const }
      if (target === 'start' && one.kind === 'null') return { ...one, code: 'statement_malformed' as const }
      return one
    })
}
