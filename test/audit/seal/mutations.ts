import { canonicalJson, digestOfText } from '../../../src/contract/digest.ts'
import type { JsonObject } from '../../../src/contract/json.ts'
import type { SealedBundle, SealedRun } from '../../../src/audit/seal/bundle.ts'
import { readSealed, sealedText } from '../../../src/audit/seal/sealed.ts'
import { entryHash, membersOf } from '../../../src/audit/seal/bundle.ts'
import { PAYLOAD_TYPE } from '../../../src/audit/seal/dsse.ts'
import { rootOf, subtreesOf } from '../../../src/audit/seal/merkle.ts'
import type { SealKey } from '../../../src/audit/seal/keys.ts'
import type { Check } from '../../../src/audit/verify/verdict.ts'
import { bytesOf, LogOf, newSealKey, signerWith } from './log-of.ts'

/** What was done to a bundle, and by which checks it has to be found, at which place. */
export interface Mutation {
  readonly what: string
  readonly bytes: Uint8Array
  /** Each of these fails. */
  readonly fails: readonly Check[]
  /** Stands in a place that one of these names. */
  readonly where: RegExp
}

/** A bundle with all that a forger may have. */
export interface Forgery {
  readonly bundle: SealedBundle
  readonly runs: readonly SealedRun[]
  /** The key of the log: of a forger who got it. */
  readonly key: SealKey
  readonly witness: SealKey
  /** A number from 0 up to, and without, that one. */
  readonly upTo: (most: number) => number
}

type Mutate = (forgery: Forgery) => Promise<Mutation | undefined>

/** What may be changed; values of JSON are replaced as a whole. */
type Loose<T> = JsonObject extends T ? T : T extends object ? { -readonly [K in keyof T]: Loose<T[K]> } : T

const copyOf = (bundle: SealedBundle): Loose<SealedBundle> => JSON.parse(canonicalJson(bundle)) as Loose<SealedBundle>
const written = (bundle: unknown): Uint8Array => Buffer.from(canonicalJson(bundle))

const changedText = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1)

/** Changes one character of base64 that is neither padding nor the last one: another value in its one form. */
const changedBase64 = (text: string, at: number): string => changedText(text, at % Math.max(1, text.length - 4))

const named = (name: string): RegExp => new RegExp(name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))

/** Any bit of any byte. Which check finds it depends on where it is: some one does, with a place. */
const flip: Mutate = async ({ bundle, upTo }) => {
  const bytes = bytesOf(bundle)
  const at = upTo(bytes.length)
  const bit = upTo(8)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
  return { what: `bit ${bit} of byte ${at} flipped`, bytes, fails: [], where: /./ }
}

const truncate: Mutate = async ({ bundle, upTo }) => {
  const bytes = bytesOf(bundle)
  const at = upTo(bytes.length)
  return { what: `cut at byte ${at}`, bytes: bytes.subarray(0, at), fails: ['file'], where: /byte|the file/ }
}

const dropEntry: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const at = upTo(mutated.record.entries.length)
  const [dropped] = mutated.record.entries.splice(at, 1)
  // Neither renumbering nor leaving its hash out hides that one is missing.
  if (upTo(2) === 0) mutated.leaves.splice(at, 1)
  if (upTo(2) === 0) for (const [seq, entry] of mutated.record.entries.entries()) entry.seq = seq
  const fails: Check[] = dropped?.kind === 'difference' ? ['tree'] : ['tree', 'record']
  return { what: `entry ${at} dropped`, bytes: written(mutated), fails, where: /entry \d+|leaves|record\.entries/ }
}

const swapEntries: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const { entries } = mutated.record
  if (entries.length < 3) return undefined
  const at = upTo(entries.length - 1)
  const [one, other] = [entries[at], entries[at + 1]]
  if (one === undefined || other === undefined) return undefined
  entries[at] = { ...other, seq: at }
  entries[at + 1] = { ...one, seq: at + 1 }
  return {
    what: `entries ${at} and ${at + 1} swapped`,
    bytes: written(mutated),
    fails: ['tree'],
    where: named(`entry ${at} `),
  }
}

const duplicateEntry: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const { entries } = mutated.record
  const at = upTo(entries.length)
  const one = entries[at]
  if (one === undefined) return undefined
  entries.splice(at, 0, { ...one })
  for (const [seq, entry] of entries.entries()) entry.seq = seq
  const fails: Check[] = one.kind === 'difference' ? ['tree'] : ['tree', 'record']
  return { what: `entry ${at} duplicated`, bytes: written(mutated), fails, where: /entry \d+ / }
}

const rewordEntry: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const at = upTo(mutated.record.entries.length)
  const entry = mutated.record.entries[at]
  if (entry === undefined) return undefined
  const field = upTo(3)
  if (field === 0) entry.text = `Nothing happened. ${entry.text}`
  if (field === 1) entry.by = 'eve@acme.example'
  if (field === 2) entry.proof = entry.proof === 'signed' ? 'claimed' : 'signed'
  // The list of hashes goes along: the root does not.
  if (upTo(2) === 0)
    mutated.leaves[at] = Buffer.from(entryHash(entry as SealedBundle['record']['entries'][number])).toString('base64')
  return { what: `entry ${at} reworded`, bytes: written(mutated), fails: ['tree'], where: named(`entry ${at} `) }
}

const backdate: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  if (upTo(2) === 0) {
    const at = upTo(mutated.record.entries.length)
    const entry = mutated.record.entries[at]
    if (entry === undefined) return undefined
    entry.at = new Date(Date.parse(entry.at) - 86_400_000).toISOString()
    return { what: `entry ${at} backdated`, bytes: written(mutated), fails: ['tree'], where: named(`entry ${at} `) }
  }
  const seal = readSealed(Buffer.from(mutated.envelope.payload, 'base64'))
  const sealedAt = new Date(Date.parse(seal.sealedAt) - 86_400_000).toISOString()
  mutated.envelope.payload = Buffer.from(sealedText({ ...seal, sealedAt })).toString('base64')
  return { what: 'the seal backdated', bytes: written(mutated), fails: ['envelope', 'inclusion'], where: /envelope/ }
}

const alterHeader: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const field = (['state', 'namespace', 'workflowId'] as const)[upTo(3)] ?? 'state'
  mutated.record[field] = `${mutated.record[field]}x`
  return { what: `record.${field} changed`, bytes: written(mutated), fails: ['tree'], where: named(`record.${field}`) }
}

const alterHistory: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const at = upTo(mutated.histories.length)
  const one = mutated.histories[at]
  if (one === undefined) return undefined
  const bytes = Buffer.from(one.history, 'base64')
  const place = upTo(bytes.length)
  bytes[place] = (bytes[place] ?? 0) ^ (1 << upTo(8))
  one.history = bytes.toString('base64')
  return {
    what: `a byte of history ${at} changed`,
    bytes: written(mutated),
    fails: ['members', 'record'],
    where: /history|member histories/,
  }
}

const dropHistory: Mutate = async ({ bundle }) => {
  if (bundle.histories.length < 2) return undefined
  const mutated = copyOf(bundle)
  mutated.histories.pop()
  return {
    what: 'a history dropped',
    bytes: written(mutated),
    fails: ['members', 'record'],
    where: /history|member histories/,
  }
}

/** Some text of payloads changed, in the history as in the record. */
const replaceApproval: Mutate = async ({ bundle }) => {
  const mutated = copyOf(bundle)
  const name = 'ben@acme.example'
  const entry = mutated.record.entries.find(({ kind, by }) => kind === 'approval' && by === name)
  if (entry === undefined) return undefined
  const other = 'eve@acme.example'
  for (const one of mutated.histories) {
    const bytes = Buffer.from(one.history, 'base64')
    for (let at = bytes.indexOf(name); at !== -1; at = bytes.indexOf(name)) bytes.write(other, at)
    one.history = bytes.toString('base64')
  }
  const replaced = JSON.parse(JSON.stringify(mutated).replaceAll(name, other)) as SealedBundle
  return {
    what: 'another approver',
    bytes: written(replaced),
    fails: ['members', 'tree', 'record', 'statements'],
    where: named(`entry ${entry.seq} `),
  }
}

const replaceStatement: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const at = upTo(mutated.statements.length)
  const one = mutated.statements[at] as { issuedAt: string } | undefined
  if (one === undefined) return undefined
  one.issuedAt = new Date(Date.parse(one.issuedAt) - 1_000).toISOString()
  return {
    what: `statement ${at} backdated`,
    bytes: written(mutated),
    fails: ['members', 'statements'],
    where: named(`statements[${at}]`),
  }
}

const replacePolicy: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  if (mutated.policy === null) return undefined
  mutated.policy.text = `# nothing is denied\n${mutated.policy.text}`
  // With the digest of the other text, too: where the history tells which one it was. One that was never opened, or is encrypted, does not.
  const isTold = mutated.record.entries.some(({ kind, says }) => kind === 'policy' && 'policyDigest' in says)
  if (isTold && upTo(2) === 0) mutated.policy.digest = digestOfText(mutated.policy.text)
  return { what: 'another policy', bytes: written(mutated), fails: ['members', 'policy'], where: /member policy/ }
}

const replaceKeys: Mutate = async ({ bundle }) => {
  const mutated = copyOf(bundle)
  const [host] = Object.keys(mutated.keys.hosts)
  if (host === undefined) return undefined
  mutated.keys.hosts[host] = newSealKey().publicKey.export({ type: 'spki', format: 'pem' }).toString()
  // Of an encrypted run nobody can tell without its keys what that host signed.
  const isRead = mutated.record.entries.some(({ proof }) => proof === 'signed')
  const fails: Check[] = isRead ? ['members', 'record'] : ['members']
  return { what: 'another key of a host', bytes: written(mutated), fails, where: /member keys/ }
}

const replaceBuild: Mutate = async ({ bundle }) => {
  const mutated = copyOf(bundle)
  mutated.build = { id: '0.1.0-0000000000000000', kernel: '0.1.0' }
  return { what: 'another build', bytes: written(mutated), fails: ['members'], where: /member build/ }
}

/** The whole of it made anew, by whoever has another key. */
async function resealed(
  bundle: SealedBundle,
  change: (mutated: Loose<SealedBundle>) => void,
  key: SealKey,
): Promise<SealedRun> {
  const mutated = copyOf(bundle)
  change(mutated)
  const { log: _log, ...run } = mutated as unknown as SealedBundle
  const hashes = run.record.entries.map(entryHash)
  const before = readSealed(Buffer.from(run.envelope.payload, 'base64'))
  const { entries, ...record } = run.record
  const seal = {
    ...before,
    record,
    entries: entries.length,
    root: Buffer.from(await rootOf(subtreesOf(hashes), hashes.length)).toString('hex'),
    members: membersOf(run),
  }
  const payload = Buffer.from(sealedText(seal))
  const signature = await (await signerWith(key)).seal(payload)
  return {
    ...run,
    leaves: hashes.map((hash) => Buffer.from(hash).toString('base64')),
    envelope: { payload: payload.toString('base64'), payloadType: PAYLOAD_TYPE, signatures: [signature] },
  }
}

const reword = (mutated: Loose<SealedBundle>): void => {
  // A difference that the ledger told of is believed of whoever seals; what histories tell is not.
  const entry = mutated.record.entries.findLast(({ kind }) => kind !== 'difference')
  if (entry !== undefined) entry.text = 'Nothing happened.'
}

const resign: Mutate = async ({ bundle, witness }) => {
  const other = newSealKey()
  const run = await resealed(bundle, reword, other)
  const log = LogOf.of([run], other)
  const forged = await log.bundle(run, 0, witness)
  return {
    what: 'sealed anew with another key, in a log of its own',
    bytes: bytesOf(forged),
    fails: ['envelope', 'checkpoint', 'record'],
    where: /^envelope|log\.checkpoint/,
  }
}

const resignEnvelope: Mutate = async ({ bundle }) => {
  const run = await resealed(bundle, () => undefined, newSealKey())
  return {
    what: 'signed with another key',
    bytes: written({ ...run, log: bundle.log }),
    fails: ['envelope', 'inclusion'],
    where: /^envelope/,
  }
}

/** Of a forger who got the key of the signer: the log that others hold is what finds him. */
const rewriteLog: Mutate = async ({ bundle, runs, key, witness }) => {
  const { index } = bundle.log
  const run = await resealed(bundle, reword, key)
  const forged = await LogOf.of(runs.with(index, run), key).bundle(run, index, witness)
  return {
    what: 'rewritten in the log with its own key',
    bytes: bytesOf(forged),
    fails: ['checkpoint', 'record'],
    where: /log\.checkpoint/,
  }
}

const cutTail: Mutate = async ({ bundle, runs, key, witness, upTo }) => {
  const { index } = bundle.log
  if (index === 0) return undefined
  const log = LogOf.of(runs.slice(0, 1 + upTo(index)), key)
  const cut = await log.bundle(bundle, 0, witness)
  return {
    what: 'its leaf cut off the log',
    bytes: bytesOf({ ...cut, log: { ...cut.log, index } }),
    fails: ['inclusion', 'checkpoint'],
    where: /log\.(?:index|proof|checkpoint)/,
  }
}

const forkLog: Mutate = async ({ bundle, runs, key, witness, upTo }) => {
  const { index } = bundle.log
  const dropped = (index + 1 + upTo(runs.length - 1)) % runs.length
  const fork = runs.with(dropped, runs[index] ?? bundle)
  const forged = await LogOf.of(fork, key).bundle(bundle, index, witness)
  return {
    what: `a fork of the log without its leaf ${dropped}`,
    bytes: bytesOf(forged),
    fails: ['checkpoint'],
    where: /log\.checkpoint/,
  }
}

const otherPlace: Mutate = async ({ bundle, runs, upTo }) => {
  const mutated = copyOf(bundle)
  mutated.log.index = (mutated.log.index + 1 + upTo(runs.length - 1)) % runs.length
  return { what: 'another place in the log', bytes: written(mutated), fails: ['inclusion'], where: /log\.index/ }
}

const otherProof: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const { proof } = mutated.log
  const at = upTo(proof.length)
  proof[at] = changedBase64(proof[at] ?? '', upTo(40))
  return { what: `hash ${at} of the path changed`, bytes: written(mutated), fails: ['inclusion'], where: /log\.proof/ }
}

const otherSeal: Mutate = async ({ bundle, runs, upTo }) => {
  const other = runs[(bundle.log.index + 1 + upTo(runs.length - 1)) % runs.length]
  if (other === undefined || other.record.runKey === bundle.record.runKey) return undefined
  return {
    what: 'the seal of another run',
    bytes: written({ ...bundle, envelope: other.envelope }),
    fails: ['envelope', 'members', 'tree', 'inclusion'],
    where: /record\.runKey|member/,
  }
}

const otherSignature: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const [signature] = mutated.envelope.signatures
  signature.sig = changedBase64(signature.sig, upTo(80))
  return { what: 'the signature changed', bytes: written(mutated), fails: ['envelope', 'inclusion'], where: /envelope/ }
}

const noWitness: Mutate = async ({ bundle, upTo }) => {
  const mutated = copyOf(bundle)
  const [line = ''] = mutated.log.cosignatures
  const at = line.lastIndexOf(' ') + 9 + upTo(80)
  mutated.log.cosignatures = upTo(2) === 0 ? [] : [changedText(line, at)]
  return { what: 'without the witness', bytes: written(mutated), fails: ['witness'], where: /log\.cosignatures/ }
}

const otherForm: Mutate = async ({ bundle, upTo }) => {
  const text = bytesOf(bundle).toString()
  const forms = [
    `${text}\n`,
    ` ${text}`,
    `\ufeff${text}`,
    text.replace('{"blobs":', '{ "blobs":'),
    text.replace('"v":1}', '"v":1.0}'),
    text.replace('"v":1}', '"v":1,"w":2}'),
    text.replace(/^\{/, '{"a":1,'),
    text.replace('"kind":"countersign.bundle"', '"kind":"countersign.bundle","kind":"countersign.bundle"'),
  ]
  const form = upTo(forms.length)
  const bytes = Buffer.from(forms[form] ?? '')
  return { what: `the same in another form (${form})`, bytes, fails: ['file'], where: /byte \d+|the file|w|a|v/ }
}

/** Every kind of mutation, by name. */
export const MUTATIONS: Readonly<Record<string, Mutate>> = {
  flip,
  truncate,
  dropEntry,
  swapEntries,
  duplicateEntry,
  rewordEntry,
  backdate,
  alterHeader,
  alterHistory,
  dropHistory,
  replaceApproval,
  replaceStatement,
  replacePolicy,
  replaceKeys,
  replaceBuild,
  resign,
  resignEnvelope,
  rewriteLog,
  cutTail,
  forkLog,
  otherPlace,
  otherProof,
  otherSeal,
  otherSignature,
  noWitness,
  otherForm,
}
