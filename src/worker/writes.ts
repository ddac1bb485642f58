import { ApplicationFailure, Context } from '@temporalio/activity'
import type { LedgerEntry, UndoWarrant, Warrant } from '../contract/action.ts'
import type { UndoResult } from '../contract/calls.ts'
import type { RunKey, StepResult } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import { textOf } from '../contract/text.ts'
import type { Principal } from '../contract/principal.ts'
import { type Digest, digestOf } from '../contract/digest.ts'
import type { HostKey } from '../identity/host-key.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import {
  bar,
  type Claim,
  claim,
  type Claimed,
  complete,
  lockDone,
  markUndone,
  markUnknown,
  release,
  takeOver,
} from '../ledger/effects.ts'
import type { ToolCall, WriteCall, WriteImplementation } from '../tools/implementation.ts'
import { attested, parseInput, parseOutput } from './steps.ts'

/** What a write needs of its host. */
export interface WriteHost {
  readonly db: LedgerDatabase
  readonly key: HostKey
}

/** The same on every attempt of a step and no other step's; 64 hex digits. */
const idempotencyKeyOf = (runKey: RunKey, step: string): string =>
  digestOf({ effect: { runKey, step } }).slice('sha256:'.length)

/** What a tool is handed, on a database or a transaction. */
export function toolCall(db: LedgerDatabase, runKey: RunKey, step: string): ToolCall {
  const context = Context.current()
  return {
    runKey,
    step,
    idempotencyKey: idempotencyKeyOf(runKey, step),
    signal: context.cancellationSignal,
    heartbeat: () => context.heartbeat(),
    db: db as unknown as ToolCall['db'],
  }
}

const writeCall = (db: LedgerDatabase, { runKey, step, principal, expect }: Warrant): WriteCall => ({
  ...toolCall(db, runKey, step),
  principal,
  expect,
})

/** Codes with which a tool, or what stands before it, says for certain that it changed nothing. */
const NOTHING_HAPPENED: ReadonlySet<string> = new Set([
  'input_invalid',
  'not_found',
  'precondition_failed',
  'stopped',
  'world_moved',
])

/**
 * Runs a warranted write once: claims its step in the ledger, executes, records the result. Fails with
 * `request_repeated` when another run of the same business case did the step.
 */
export async function executeOnce(
  host: WriteHost,
  how: WriteImplementation,
  input: { readonly raw: Json; readonly parsed: unknown },
  warrant: Warrant,
  businessKey: Digest | null,
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
    ? await inOneTransaction(host, how, parsed, warrant, claimed)
    : await acrossSystems(host, how, parsed, warrant, claimed)
}

/** Effect and ledger row commit together, so an outcome is never unknown. */
async function inOneTransaction(
  { db, key }: WriteHost,
  how: WriteImplementation,
  input: unknown,
  warrant: Warrant,
  claimed: Claim,
): Promise<StepResult> {
  return await db.transaction().execute(async (tx) => {
    const mine = await claim(tx, claimed, null)
    if (!('fence' in mine)) return resultOf(mine)
    const call = writeCall(tx, warrant)
    const result = attest(key, how, input, await how.execute(input, call), claimed)
    await complete(tx, claimed, mine, result)
    return result
  })
}

/** The effect is in another system: its claim commits first, and an unknown outcome is reconciled, never repeated blindly. */
async function acrossSystems(
  host: WriteHost,
  how: WriteImplementation,
  input: unknown,
  warrant: Warrant,
  claimed: Claim,
): Promise<StepResult> {
  const leaseMs = how.contract.startToCloseMs
  const first = await claim(host.db, claimed, leaseMs)
  if (!('fence' in first) && first.state === 'done') return resultOf(first)
  const mine = 'fence' in first ? first : await takeOver(host.db, claimed, leaseMs)
  const call = writeCall(host.db, warrant)
  if (!('fence' in first)) {
    const known = await reconcile(host, how, input, call, claimed, mine)
    if (known !== undefined) return known
  }
  let output: unknown
  try {
    output = await how.execute(input, call)
  } catch (error) {
    // Only what the tool threw itself counts: a cause, or an error of some library that happens to have a `type`, is
    // nobody's word.
    const code = error instanceof ApplicationFailure ? error.type : undefined
    // Said of this attempt; of an earlier one that no probe has settled, it says nothing.
    const firstTry = 'fence' in first || how.contract.idempotency === 'probe'
    const nothingHappened = firstTry && NOTHING_HAPPENED.has(code ?? '')
    if (nothingHappened) await release(host.db, claimed, mine)
    else await markUnknown(host.db, claimed, mine)
    throw error
  }
  return await record(host, how, input, output, claimed, mine)
}

/**
 * Finds out what an earlier attempt came to. `undefined`: the effect may be asked for (again), since the
 * system knows the key or has said that nothing happened. Fails with `effect_unknown` when nobody can tell.
 */
async function reconcile(
  host: WriteHost,
  how: WriteImplementation,
  input: unknown,
  call: ToolCall,
  claimed: Claim,
  mine: Claimed,
): Promise<StepResult | undefined> {
  if (how.contract.idempotency === 'key') return undefined
  if (how.probe === undefined) {
    await markUnknown(host.db, claimed, mine)
    throw fail('effect_unknown', `nobody can tell whether \`${claimed.step}\` happened`)
  }
  const output = await how.probe(input, call)
  return output === null ? undefined : await record(host, how, input, output, claimed, mine)
}

async function record(
  host: WriteHost,
  how: WriteImplementation,
  input: unknown,
  output: unknown,
  claimed: Claim,
  mine: Claimed,
): Promise<StepResult> {
  let result: StepResult
  try {
    result = attest(host.key, how, input, output, claimed)
  } catch (error) {
    await markUnknown(host.db, claimed, mine)
    throw error
  }
  if (await complete(host.db, claimed, mine, result)) return result
  throw fail('effect_in_flight', `a newer attempt of \`${claimed.step}\` has taken over`)
}

function attest(key: HostKey, how: WriteImplementation, input: unknown, output: unknown, claimed: Claim): StepResult {
  const { contract } = how
  const plain = parseOutput(contract, output)
  return attested(key, {
    runKey: claimed.runKey,
    step: claimed.step,
    tool: contract.name,
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
export async function undoOnce(
  host: WriteHost,
  how: WriteImplementation,
  warrant: UndoWarrant,
  principal: Principal,
): Promise<UndoResult> {
  const { runKey, undoes, inputDigest } = warrant
  const known = await bar(host.db, {
    runKey,
    step: undoes,
    tool: how.contract.name,
    input: null,
    inputDigest,
  })
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
    case 'claimed':
    case 'unknown':
      await settle(host, how, known, runKey, principal)
      return await undoOnce(host, how, warrant, principal)
  }
}

async function undoDone(
  { db }: WriteHost,
  how: WriteImplementation,
  known: LedgerEntry,
  { runKey, step }: UndoWarrant,
): Promise<string> {
  const input = parseInput(how.contract, known.input)
  const { output } = resultOf(known)
  const effect = { runKey, step: known.step }
  const undo = async (on: LedgerDatabase): Promise<string> => {
    if (how.undo === undefined) throw fail('effect_irreversible', `${known.step} cannot be undone`)
    const text = textOf(await how.undo(input, output, toolCall(on, runKey, step)))
    await markUndone(on, effect, text)
    return text
  }
  if (how.contract.idempotency !== 'transaction') return await undo(db)
  return await db.transaction().execute(async (tx) => {
    if (!(await lockDone(tx, effect))) throw fail('effect_in_flight', `\`${known.step}\` is just being settled`)
    return await undo(tx)
  })
}

/** An unknown outcome is settled before it is compensated, and never guessed. */
async function settle(
  host: WriteHost,
  how: WriteImplementation,
  known: LedgerEntry,
  runKey: RunKey,
  principal: Principal,
): Promise<void> {
  const claimed: Claim = { ...known, runKey, actionDigest: null, businessKey: null }
  const mine = await takeOver(host.db, claimed, how.contract.startToCloseMs)
  const call = toolCall(host.db, runKey, known.step)
  const input = parseInput(how.contract, known.input)
  const settled = await reconcile(host, how, input, call, claimed, mine)
  if (settled !== undefined) return
  if (how.contract.idempotency === 'key') {
    // The same key again: the system answers with what it did, or does it now, and then it is undone.
    const output = await how.execute(input, { ...call, principal, expect: {} })
    await record(host, how, input, output, claimed, mine)
    return
  }
  await release(host.db, claimed, mine)
}
