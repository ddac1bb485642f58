import { inputDigestOf } from '../../contract/action.ts'
import { factsOfAction } from '../../contract/derive.ts'
import { canonicalJson, digestOfText } from '../../contract/digest.ts'
import type { Evidence } from '../../contract/evidence.ts'
import type { PlaybookContract } from '../../contract/playbook.ts'
import { reachedIn } from '../../contract/reached.ts'
import type { WriteTool } from '../../contract/tool.ts'
import { decideAgain } from '../../policy/again.ts'
import { decide } from '../../policy/decide/index.ts'
import { parsePolicy } from '../../policy/load/index.ts'
import type { Policy } from '../../policy/types.ts'
import { lastOfEach } from '../decided.ts'
import { fieldsOf, textIn } from '../fields.ts'
import { readIn } from '../record/payloads.ts'
import type { AuditRecord } from '../record/types.ts'
import type { SealedBundle } from '../seal/bundle.ts'
import { askedBy, toldBy } from '../told.ts'
import { type Derived, policyDigestIn } from './check-record.ts'
import { failed, readable, skipped, type Veiled, type Verdict } from './verdict.ts'

/** Whether the policy says of each action what the run says that it said: facts are derived and decided on again. */
export function checkPolicy(
  { policy, record: sealed }: SealedBundle,
  read: readonly Derived[] | string,
  record: AuditRecord | string,
  contracts: ReadonlyMap<string, PlaybookContract> | undefined,
): Verdict {
  if (typeof record === 'string' || typeof read === 'string') {
    return skipped('policy', 'no record can be derived from the histories')
  }
  if (policy === null) return skipped('policy', 'the run was never opened under one')
  const opened = policyDigestIn(record)
  if (digestOfText(policy.text) !== policy.digest) {
    return failed('policy', 'its text is not that of its digest', ['member policy'])
  }
  if (opened !== '' && opened !== policy.digest) {
    return failed('policy', `the run was opened under ${opened}, and this is another`, ['member policy'])
  }
  if (contracts === undefined) return skipped('policy', 'neither the bundle of the playbook nor its project was given')
  const contract = contracts.get(sealed.playbook ?? '')
  if (contract === undefined) return skipped('policy', `what was given has no playbook \`${sealed.playbook ?? ''}\``)
  const parsed = parsePolicy(policy.text, 'policy', [contract])
  if (!parsed.ok) return skipped('policy', 'this version, or this contract, reads no such policy')
  return decidedAgain(parsed.policy, contract, read)
}

function decidedAgain(policy: Policy, contract: PlaybookContract, read: readonly Derived[]): Verdict {
  const where: string[] = []
  const veiled: Veiled[] = []
  const lacking: string[] = []
  const warranted = new Set<string>()
  let decided = 0
  for (const { runId, opened } of read) {
    for (const event of opened.events ?? []) {
      const scheduled = event.activityTaskScheduledEventAttributes
      if (!scheduled) continue
      const { json, exact, veil } = readIn(scheduled.input)
      const place = `history ${runId} event ${String(event.eventId)} (${scheduled.activityId ?? ''})`
      const tool = toolOf(contract, scheduled.activityType?.name ?? '')
      if (veil !== null) {
        if (tool !== undefined) veiled.push({ where: place, veil })
        continue
      }
      const { kind, step } = askedBy(scheduled)
      if (kind !== 'write' || fieldsOf(json)['warrant'] === undefined) continue
      warranted.add(step)
      decided += 1
      const wrong = tool === undefined ? 'the playbook has no such tool' : wrongIn(policy, tool, fieldsOf(exact))
      if (wrong !== undefined) where.push(`${place}: ${wrong}`)
    }
  }
  // What never became a warrant is told by the result, without its evidence: the facts are as they were written down.
  const told = read.map(({ opened }) => toldBy(opened)).toSorted((a, b) => a.beganAtMs - b.beganAtMs)
  for (const { step, tool: name, ruling } of lastOfEach(told.flatMap((one) => one.decided))) {
    const tool = toolOf(contract, name)
    if (warranted.has(step) || typeof ruling === 'string' || tool === undefined) continue
    const again = decideAgain(policy, tool, { ...ruling, matches: ruling.decision.matches })
    if ('lacking' in again) {
      lacking.push(step)
      continue
    }
    decided += 1
    if (!isSame(again.effect, ruling.decision.effect) || !isSame(again.matches, ruling.decision.matches)) {
      where.push(`${step}: the policy decides \`${again.effect}\`, and the run says \`${ruling.decision.effect}\``)
    }
  }
  if (where.length > 0) return failed('policy', 'the policy does not say what the run says that it said', where)
  const rest = lacking.length === 0 ? '' : `; ${lacking.join(', ')} cannot be, for want of facts`
  return readable('policy', `${decided} actions decided again, and it says the same${rest}`, veiled)
}

const toolOf = (contract: PlaybookContract, name: string): WriteTool | undefined =>
  contract.tools.find((one): one is WriteTool => one.kind !== 'read' && one.name === name)

const isSame = (one: unknown, other: unknown): boolean => canonicalJson(one) === canonicalJson(other)

/** What of a warrant the policy and the contract do not say again. */
function wrongIn(policy: Policy, tool: WriteTool, said: ReturnType<typeof fieldsOf>): string | undefined {
  const { input = null } = said
  const warrant = fieldsOf(said['warrant'])
  const { evidence, facts, decision, inputDigest } = warrant
  try {
    if (inputDigestOf(tool.name, input) !== inputDigest) return 'the input is not the one that it was decided on'
    const cited = (Array.isArray(evidence) ? evidence : []) as readonly unknown[] as readonly Evidence[]
    const again = factsOfAction(tool, input, cited)
    if (!isSame(again, facts)) {
      const names = Object.keys({ ...again, ...fieldsOf(facts) }).filter(
        (name) => !isSame(again[name] ?? null, fieldsOf(facts)[name] ?? null),
      )
      return `its facts are not those of the evidence: ${names.join(', ')}`
    }
    const ruling = decide(policy, tool, again, reachedIn(warrant))
    if (!isSame(ruling, decision)) {
      return `the policy decides \`${ruling.effect}\`, and the run says \`${textIn(fieldsOf(decision)['effect'])}\``
    }
    return undefined
  } catch (error) {
    return `it cannot be decided again: ${error instanceof Error ? error.message : String(error)}`
  }
}
