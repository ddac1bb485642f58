import type { z } from 'zod'
import type { FactDeclaration } from './fact.ts'
import type { Money } from './money.ts'
import type { ReadTool, Thought, Tool, WriteTool } from './tool.ts'

/** What a playbook may do and what it is asked: both sides, and the policy check, read it. */
export interface PlaybookContract<R extends z.ZodType = z.ZodType, V extends ReadTool = ReadTool> {
  /** The wire name: workflow type and `workflow` of the policy, such as `refund_request`. */
  readonly name: string
  /** What a person reads: `Refund request`. */
  readonly title: string
  /** The request that starts a run. */
  readonly request: R
  /** The only tools that a run may call. */
  readonly tools: readonly Tool[]
  readonly thoughts: readonly Thought[]
  /**
   * Names the business case that a request is about: of the runs with one name, in one workspace, only one has effects
   * that stand, whatever their workflow ids and however long ago. 1 to 500 characters; pure; called by the host alone.
   * Default: a run is a case of its own.
   */
  businessKey?(request: z.output<R>): string
  /**
   * What a run is worth, for policies that give dear tasks higher caps: derived from a read and never stated. The first
   * result of that read in a run counts. `undefined`, and another currency than US dollars: no value.
   */
  readonly value?: {
    readonly of: V
    /** Pure; run by the kernel and again by the host. Method syntax, as in tool contracts, is on purpose. */
    is(output: z.output<V['output']>): Money | undefined
  }
}

/** `refund_request` → `refund-request`: the name of the files of a playbook. */
export const slugOf = (name: string): string => name.replaceAll('_', '-')

/** The tools of a playbook that write: what policies decide on. */
export const writesOf = ({ tools }: Pick<PlaybookContract, 'tools'>): readonly WriteTool[] =>
  tools.flatMap((tool) => (tool.kind === 'write' ? [tool] : []))

/** A fact that some tool of a playbook declares, and which tools those are. */
export interface KnownFact {
  readonly name: string
  readonly declaration: FactDeclaration
  readonly tools: readonly string[]
}

/** The facts that a policy of this playbook may speak of, by name. */
export function factsOf(contract: PlaybookContract): ReadonlyMap<string, KnownFact> {
  const known = new Map<string, KnownFact>()
  for (const tool of contract.tools) {
    if (tool.kind !== 'write') continue
    for (const [name, declaration] of Object.entries(tool.declares)) {
      const tools = [...(known.get(name)?.tools ?? []), tool.name]
      known.set(name, { name, declaration, tools })
    }
  }
  return known
}
