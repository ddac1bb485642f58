import type { Evidence } from '../../contract/evidence.ts'
import { RISKS, type WriteTool } from '../../contract/tool.ts'
import type { EvidenceDemand, Policy } from '../types.ts'

/** The demands that a policy has on the evidence of a write: those for its risk, and for less. */
export const demandsOn = (
  { evidence = [] }: Pick<Policy, 'evidence'>,
  { risk }: Pick<WriteTool, 'risk'>,
): readonly EvidenceDemand[] => evidence.filter((demand) => RISKS.indexOf(risk) >= RISKS.indexOf(demand.risk))

/** `a record`, `a record at most 60 minutes old` */
export const demandText = ({ kind, freshMinutes }: EvidenceDemand): string =>
  freshMinutes === undefined ? `a ${kind}` : `a ${kind} at most ${freshMinutes} minutes old`

/** What of the demands of a policy the cited evidence does not meet, in words. `ageMsOf`: how old what was read at a time is now. */
export const unmetDemands = (
  policy: Pick<Policy, 'evidence'>,
  tool: Pick<WriteTool, 'risk'>,
  evidence: readonly Evidence[],
  ageMsOf: (at: string) => number,
): readonly string[] =>
  demandsOn(policy, tool)
    .filter(({ kind, freshMinutes }) => {
      const isFresh = (at: string): boolean => freshMinutes === undefined || ageMsOf(at) <= freshMinutes * 60_000
      return !evidence.some(({ receipt }) => receipt.kind === kind && isFresh(receipt.at))
    })
    .map(demandText)
