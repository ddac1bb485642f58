import { ApplicationFailure, Context } from '@temporalio/activity'
import type { LedgerEntry, UndoWarrant, Warrant } from '../contract/action.ts'
import type { UndoResult } from '../contract/calls.ts'
import type { RunKey, StepResult } from '../contract/evidence.ts'
import { codeOf, fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import { textOf } from '../contract/text.ts'
import type { Tool, WriteTool } from '../contract/tool.ts'
import type { Principal } from '../contract/principal.ts'
import { digestOf } from '../contract/digest.ts'
import { signCredential } from '../identity/credentials.ts'
import type { HostKey } from '../identity/host-key.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import {
  bar,
  type Claim,
  claim,
  type Claimed,
  claimUndo,
  complete,
  lockDone,
  markFailed,
  markSent,
  markUndone,
  markUnknown,
  releaseUndo,
  repeated,
  takeOver,
  type TakenOver,
} from '../ledger/effects.ts'
import type { Sealer } from '../privacy/sealed.ts'
import { Secrets, withoutSecrets, withoutSecretsIn } from '../privacy/secrets.ts'
import { timelyFetch } from '../tools/timely-fetch.ts'
import type { ToolCall, WriteCall, WriteImplementation } from '../tools/implementation.ts'
import { failpoint } from './failpoints.ts'
import { type Counted, countWithin } from './limits.ts'
import { attested, parseInput, parseOutput } from './steps.ts'

/** A write behind its guard. `admit` is asked right before the tool is called: what it throws left nothing. */
export interface GuardedWrite extends WriteImplementation {
  admit?(call: Pick<WriteCall, 'db'>): Promise<void>
}

/** What a step needs of its host, and for whom it is done. */
export interface StepHost {
  readonly db: LedgerDatabase
  readonly key: HostKey
  readonly principal: Principal
  /** Of the run's workflow. */
  readonly sealer: Sealer
  /** Default: none is known. */
  readonly secrets?: Secrets
}

/** The same on every attempt of a step and no other step's; 64 hex digits. */
const idempotencyKeyOf = (runKey: RunKey, step: string): string =>
  digestOf({ effect: { runKey, step } }).slice('sha256:'.length)

/**
 * A lease outlives by so much the moment at which the tool's signal aborts, so that nothing of an attempt is under way
 * when another takes it over. Milliseconds.
 */
const LEASE_MARGIN_MS = 1_000
const leaseOf = (startToCloseMs: number): number => startToCloseMs + LEASE_MARGIN_MS

/** What a tool is handed, on the database or a transaction of the host; it has `leftMs` from now on. */
export function toolCall(
  { db, key, principal, secrets = new Secrets([]) }: StepHost,
  { name: tool, scopes }: Pick<Tool, 'name' | 'scopes'>,
  { runKey, step }: { readonly runKey: RunKey; readonly step: string },
  leftMs: number,
): ToolCall {
  const context = Context.current()
  const signal = AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(leftMs)])
  return {
    runKey,
    step,
    idempotencyKey: idempotencyKeyOf(runKey, step),
    signal,
    fetch: timelyFetch(leftMs, signal),
    credential: () => signCredential(key, { runKey, step, tool, principal, scopes, validMs: leftMs }),
    secret: (reference) => secrets.resolve(reference, signal),
    heartbeat: () => context.heartbeat(),
    db: db as unknown as ToolCall['db'],
  }
}

const writeCall = (
  host: StepHost,
  tool: WriteTool,
  leftMs: number,
  asked: Pick<Warrant, 'runKey' | 'step' | 'expect'>,
): WriteCall => ({ ...toolCall(host, tool, asked, leftMs), principal: host.principal, expect: asked.expect })

/** When an attempt that begins now has to be over, by the clock of this process, which goes on while it is stopped. */
const dueIn = (startToCloseMs: number): { readonly leftMs: () => number } => {
  const due = performance.now() + startToCloseMs
  return { leftMs: () => Math.floor(due - performance.now()) }
}

/** How long what a claim saw of the stops counts; milliseconds. */
const CALM_MS = 100

/** Codes with which a tool says for certain that it changed nothing. */
const NOTHING_HAPPENED: ReadonlySet<string> = new Set([
  'input_invalid',
  'not_found',
  'precondition_failed',
  'world_moved',
])

/**
 * Runs a warranted write once: claims its step in the ledger, executes, records the result. Fails with
 * `request_repeated` when another run of the same business case did the step, and with `limit_reached`. `counts`: what it
 * counts under, by the limits of its policy.
 */
export async function executeOnce(
  host: StepHost,
  how: GuardedWrite,
  input: { readonly raw: Json; readonly parsed: unknown },
  warrant: Warrant,
  businessKey: string | null,
  counts: readonly Counted[] = [],
): Promise<StepResult> {
  const claimed: Claim = {
    runKey: warrant.runKey,
    step: warrant.step,
    tool: warrant.tool,
    input: input.raw,
    inputDigest: warrant.inputDigest,
    actionDigest: warrant.actionDigest,
    businessKey,
  }
  const { parsed } = input
  return how.contract.idempotency === 'transaction'
    ? await inOneTransaction(host, how, parsed, warrant, claimed, counts)
    : await acrossSystems(host, how, parsed, warrant, claimed, counts)
}

/** Effect and ledger row commit together, so an outcome is never unknown. */
async function inOneTransaction(
  host: StepHost,
  how: GuardedWrite,
  input: unknown,
  warrant: Warrant,
  claimed: Claim,
  counts: readonly Counted[],
): Promise<StepResult> {
  const { db, key, sealer } = host
  return await db.transaction().execute(async (tx) => {
    const since = performance.now()
    const mine = await claim(tx, claimed, null, sealer)
    if (!('fence' in mine)) return resultOf(mine)
    if (counts.length > 0) await countWithin(tx, key, claimed, counts, warrant.reached)
    await failpoint('write.claimed')
    const call = writeCall({ ...host, db: tx }, how.contract, how.contract.startToCloseMs, warrant)
    // A claim that had to wait, for the other attempt or the process, saw what was stopped before.
    if (mine.isCalm !== true || performance.now() - since > CALM_MS) await how.admit?.(call)
    const output = await how.execute(input, call)
    await failpoint('write.executed')
    const result = attest(host, how, input, output, claimed)
    await complete(tx, claimed, mine, result, sealer)
    return result
  })
}

/** The effect is in another system: its claim commits first, and an unknown outcome is reconciled, never repeated blindly. */
async function acrossSystems(
  host: StepHost,
  how: GuardedWrite,
  input: unknown,
  warrant: Warrant,
  claimed: Claim,
  counts: readonly Counted[],
): Promise<StepResult> {
  const leaseMs = leaseOf(how.contract.startToCloseMs)
  const first =
    counts.length === 0
      ? await claim(host.db, claimed, leaseMs, host.sealer)
      : await claimCounted(host, claimed, leaseMs, counts, warrant.reached)
  if ('fence' in first) {
    await failpoint('write.claimed')
    return await send(host, how, input, warrant, claimed, first, 'did_not_happen')
  }
  if (first.state === 'done') return resultOf(first)
  const mine = await takeOver(host.db, claimed, leaseMs)
  await failpoint('takeover.claimed')
  const before = await reconcile(host, how, input, claimed, mine)
  return typeof before === 'string' ? await send(host, how, input, warrant, claimed, mine, before) : before
}

/** Claims a step and counts it at once; of one that is claimed or done already nothing is counted again. */
async function claimCounted(
  { db, key, sealer }: StepHost,
  claimed: Claim,
  leaseMs: number,
  counts: readonly Counted[],
  shown: Warrant['reached'],
): Promise<Claimed | LedgerEntry> {
  try {
    return await db.transaction().execute(async (tx) => {
      const mine = await claim(tx, claimed, leaseMs, sealer)
      if ('fence' in mine) await countWithin(tx, key, claimed, counts, shown)
      return mine
    })
  } catch (error) {
    if (codeOf(error) !== undefined) throw error
    // A transaction that broke a unique index cannot be asked any more whose case it is.
    throw (await repeated(db, claimed.businessKey, claimed.step)) ?? error
  }
}

/** What is known of earlier attempts. `may_have_happened`: the system knows their key, so asking again is safe. */
type Before = 'did_not_happen' | 'may_have_happened'

/** Lets the request leave, and records what came of it. */
async function send(
  host: StepHost,
  how: GuardedWrite,
  input: unknown,
  asked: Pick<Warrant, 'runKey' | 'step' | 'expect'>,
  claimed: Claim,
  mine: Claimed,
  before: Before,
): Promise<StepResult> {
  const { startToCloseMs } = how.contract
  const { leftMs } = dueIn(startToCloseMs)
  await markSent(host.db, claimed, mine, leaseOf(startToCloseMs))
  await failpoint('write.executing')
  const call = writeCall(host, how.contract, Math.max(leftMs(), 1), asked)
  try {
    await how.admit?.(call)
    // A process that was stopped here goes on without having heard of its time: the clock knows.
    if (leftMs() < 1) {
      throw fail('tool_unavailable', `this attempt of \`${claimed.step}\` slept past its time, and sent nothing`)
    }
  } catch (error) {
    await (before === 'did_not_happen' ? markFailed : markUnknown)(host.db, claimed, mine)
    throw error
  }
  let output: unknown
  try {
    output = await how.execute(input, call)
  } catch (error) {
    // Only what the tool threw itself counts: a cause, or an error of some library that happens to have a `type`, is
    // nobody's word.
    const code = error instanceof ApplicationFailure ? error.type : undefined
    // Said of this attempt; of an earlier one it says nothing.
    if (before === 'did_not_happen' && NOTHING_HAPPENED.has(code ?? '')) await markFailed(host.db, claimed, mine)
    else await markUnknown(host.db, claimed, mine)
    throw error
  }
  await failpoint('write.executed')
  return await record(host, how, input, output, claimed, mine)
}

/**
 * Finds out what an earlier attempt came to: its result, where the system tells it. Fails with `effect_unknown` when
 * nobody can tell.
 */
async function reconcile(
  host: StepHost,
  how: GuardedWrite,
  input: unknown,
  claimed: Claim,
  mine: TakenOver,
): Promise<StepResult | Before> {
  const { contract } = how
  if (mine.sentAt === null) return 'did_not_happen'
  if (isInKeyWindow(contract, mine.sentAt)) return 'may_have_happened'
  if (how.probe === undefined) {
    await markUnknown(host.db, claimed, mine)
    throw fail('effect_unknown', `nobody can tell whether \`${claimed.step}\` happened`)
  }
  const call = toolCall(host, contract, claimed, contract.startToCloseMs)
  await failpoint('probe.asking')
  const output = await how.probe(input, call)
  await failpoint('probe.answered')
  return output === null ? 'did_not_happen' : await record(host, how, input, output, claimed, mine)
}

/** Whether the system still knows the key of a request that first left then; a repeat must arrive while it does. */
const isInKeyWindow = ({ idempotency, keyWindowMs = 0, startToCloseMs }: WriteTool, sentAt: Date): boolean =>
  idempotency === 'key' && Date.now() + startToCloseMs < sentAt.getTime() + keyWindowMs

async function record(
  host: StepHost,
  how: GuardedWrite,
  input: unknown,
  output: unknown,
  claimed: Claim,
  mine: Claimed,
): Promise<StepResult> {
  let result: StepResult
  try {
    result = attest(host, how, input, output, claimed)
  } catch (error) {
    await markUnknown(host.db, claimed, mine)
    throw error
  }
  if (await complete(host.db, claimed, mine, result, host.sealer)) {
    await failpoint('write.recorded')
    return result
  }
  throw fail('effect_in_flight', `a newer attempt of \`${claimed.step}\` has taken over`)
}

function attest(
  { key, principal }: StepHost,
  how: GuardedWrite,
  input: unknown,
  output: unknown,
  claimed: Claim,
): StepResult {
  const { contract } = how
  const plain = parseOutput(contract, withoutSecretsIn(output))
  return attested(key, {
    runKey: claimed.runKey,
    step: claimed.step,
    tool: contract.name,
    by: principal.subject,
    scopes: contract.scopes,
    input: claimed.input,
    output: plain,
    kind: contract.evidence.kind,
    reference: contract.evidence.reference(input, plain),
  })
}

function resultOf(entry: LedgerEntry): StepResult {
  if (entry.result === null) throw fail('effect_in_flight', `\`${entry.step}\` is just being settled`)
  return entry.result
}

/**
 * Undoes an effect once, from what the ledger has of it; bars one that has not happened from happening late.
 * Fails with `effect_irreversible` or `effect_unknown` when only a person can go on.
 */
export async function undoOnce(host: StepHost, how: GuardedWrite, warrant: UndoWarrant): Promise<UndoResult> {
  const { runKey, undoes, inputDigest } = warrant
  const barring = {
    runKey,
    step: undoes,
    tool: how.contract.name,
    input: null,
    inputDigest,
  }
  const known = await bar(host.db, barring, host.sealer)
  await failpoint('undo.barred')
  if (known === undefined) return { state: 'not_done', text: `${undoes} had not happened; it is barred now` }
  if (known.tool !== how.contract.name) {
    throw fail('warrant_mismatch', `\`${undoes}\` was done by \`${known.tool}\``)
  }
  switch (known.state) {
    case 'barred':
      return { state: 'not_done', text: `${undoes} had not happened and is barred` }
    case 'undone':
      return { state: 'undone', text: `${undoes} was undone before` }
    case 'done':
      return { state: 'undone', text: await undoDone(host, how, known, warrant) }
    case 'failed':
      // It failed between the bar and the look: barred at the next try.
      throw fail('effect_in_flight', `\`${undoes}\` is just being settled`)
    case 'claimed':
    case 'sent':
    case 'unknown':
      await settle(host, how, known, runKey)
      return await undoOnce(host, how, warrant)
  }
}

async function undoDone(
  host: StepHost,
  how: GuardedWrite,
  known: LedgerEntry,
  { runKey, step }: UndoWarrant,
): Promise<string> {
  const input = parseInput(how.contract, known.input)
  const { output } = resultOf(known)
  const { db } = host
  const effect = { runKey, step: known.step }
  const { startToCloseMs } = how.contract.undo ?? how.contract
  const { leftMs } = dueIn(startToCloseMs)
  const undo = async (on: LedgerDatabase, mine?: Claimed): Promise<string> => {
    if (how.undo === undefined) throw fail('effect_irreversible', `${known.step} cannot be undone`)
    await failpoint('undo.executing')
    if (leftMs() < 1) throw fail('tool_unavailable', `this attempt to undo \`${known.step}\` slept past its time`)
    const call = toolCall({ ...host, db: on }, how.contract, { runKey, step }, leftMs())
    const text = withoutSecrets(textOf(await how.undo(input, output, call)))
    await failpoint('undo.executed')
    await markUndone(on, effect, text, mine, host.sealer)
    await failpoint('undo.recorded')
    return text
  }
  if (how.contract.idempotency !== 'transaction') {
    const mine = await claimUndo(db, effect, leaseOf(startToCloseMs))
    try {
      return await undo(db, mine)
    } catch (error) {
      await releaseUndo(db, effect, mine)
      throw error
    }
  }
  return await db.transaction().execute(async (tx) => {
    if (!(await lockDone(tx, effect))) throw fail('effect_in_flight', `\`${known.step}\` is just being settled`)
    return await undo(tx)
  })
}

/** An unknown outcome is settled before it is compensated, and never guessed. */
async function settle(host: StepHost, how: GuardedWrite, known: LedgerEntry, runKey: RunKey): Promise<void> {
  const claimed: Claim = { ...known, runKey, actionDigest: null, businessKey: null }
  const mine = await takeOver(host.db, claimed, leaseOf(how.contract.startToCloseMs))
  const input = parseInput(how.contract, known.input)
  const before = await reconcile(host, how, input, claimed, mine)
  if (typeof before !== 'string') return
  if (before === 'did_not_happen') return await markFailed(host.db, claimed, mine)
  // The same key again: the system answers with what it did, or does it now, and then it is undone.
  await send(host, how, input, { runKey, step: known.step, expect: {} }, claimed, mine, before)
}
