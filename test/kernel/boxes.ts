import { fail } from '../../src/contract/failures.ts'
import type { WriteTool } from '../../src/contract/tool.ts'
import { implement, type ToolImplementation, type WriteImplementation } from '../../src/tools/implementation.ts'
import { burn, drop, lend, look, pay, put, send } from './contracts.ts'

/**
 * What the system does on one attempt: does it, fails before or after having done it, says for certain that it
 * cannot be done, or does it once the gate is open.
 */
export type Turn = 'ok' | 'throw before' | 'throw after' | 'refuse' | 'move' | 'wait'

interface Call {
  readonly verb: 'execute' | 'undo' | 'probe' | 'preview'
  readonly tool: string
  readonly item: string
  readonly key: string
}

/** The outside world of the kernel tests: what was asked of it, and what stands in it. */
class Boxes {
  readonly calls: Call[] = []
  readonly #turns = new Map<string, Turn[]>()
  readonly #undos = new Map<string, Turn[]>()
  readonly #effects: { readonly item: string; readonly key: string; readonly number: number }[] = []
  #gate = Promise.withResolvers<void>()

  /** Scripts the next attempts on an item; past the script all goes well. */
  script(item: string, ...turns: readonly Turn[]): void {
    this.#turns.set(item, [...turns])
  }

  scriptUndo(item: string, ...turns: readonly Turn[]): void {
    this.#undos.set(item, [...turns])
  }

  /** Lets every attempt go that waits, and those to come. */
  open(): void {
    this.#gate.resolve()
  }

  /** How many effects of an item stand. */
  held = (item: string): number => this.#effects.filter((effect) => effect.item === item).length

  /** What was asked about an item, in order. */
  asked = (item: string, verb: Call['verb'] = 'execute'): readonly Call[] =>
    this.calls.filter((call) => call.item === item && call.verb === verb)

  async execute(tool: WriteTool, item: string, key: string): Promise<{ item: string; number: number }> {
    this.calls.push({ verb: 'execute', tool: tool.name, item, key })
    const turn = this.#turns.get(item)?.shift() ?? 'ok'
    if (turn === 'throw before') throw new Error('the line went dead')
    if (turn === 'refuse') throw fail('precondition_failed', `\`${item}\` cannot be done`)
    if (turn === 'move') throw fail('world_moved', `\`${item}\` moved`)
    if (turn === 'wait') await this.#gate.promise
    const known = this.#find(key)
    const effect = tool.idempotency === 'key' && known !== undefined ? known : this.#add(item, key)
    if (turn === 'throw after') throw new Error('the answer was lost')
    return { item, number: effect.number }
  }

  probe(tool: WriteTool, item: string, key: string): { item: string; number: number } | null {
    this.calls.push({ verb: 'probe', tool: tool.name, item, key })
    const effect = this.#find(key)
    return effect === undefined ? null : { item, number: effect.number }
  }

  undo(tool: WriteTool, item: string, number: number, key: string): string {
    this.calls.push({ verb: 'undo', tool: tool.name, item, key })
    const turn = this.#undos.get(item)?.shift() ?? 'ok'
    if (turn === 'throw before') throw new Error('the line went dead')
    if (turn === 'refuse') throw fail('precondition_failed', `\`${item}\` cannot be taken out`)
    const at = this.#effects.findIndex((effect) => effect.number === number)
    if (at >= 0) this.#effects.splice(at, 1)
    if (turn === 'throw after') throw new Error('the answer was lost')
    return `took ${item} out`
  }

  #find = (key: string) => this.#effects.find((effect) => effect.key === key)

  #add(item: string, key: string) {
    const effect = { item, key, number: this.calls.length }
    this.#effects.push(effect)
    return effect
  }
}

/** Boxes, and the tools that fill them. */
export function newBoxes(): { readonly boxes: Boxes; readonly tools: readonly ToolImplementation[] } {
  const boxes = new Boxes()
  const write = (
    contract: typeof put | typeof lend | typeof send | typeof drop | typeof burn | typeof pay,
  ): ToolImplementation =>
    ({
      contract: contract as unknown as WriteTool,
      preview: async (input, call) => {
        const { item } = input as { item: string }
        boxes.calls.push({ verb: 'preview', tool: contract.name, item, key: call.idempotencyKey })
        const shown = boxes.asked(item, 'preview').length
        return {
          changes: [{ record: `box/${item}`, field: 'count', from: String(shown), to: 'one more' }],
          expect: { shown },
        }
      },
      execute: (input, call) => boxes.execute(contract, (input as { item: string }).item, call.idempotencyKey),
      ...(contract.idempotency === 'probe' && {
        probe: async (input, call) => boxes.probe(contract, (input as { item: string }).item, call.idempotencyKey),
      }),
      ...(contract.undo !== null && {
        undo: async (input, output, call) => {
          const { number } = output as { number: number }
          const { item } = input as { item: string }
          return boxes.undo(contract, item, number, call.idempotencyKey)
        },
      }),
    }) satisfies WriteImplementation
  return {
    boxes,
    tools: [
      implement(look, {
        execute: async ({ item, size }) => {
          if (item.endsWith('unknown')) throw fail('not_found', `There is no box \`${item}\`.`)
          return { item, count: boxes.held(item), padding: 'x'.repeat(size) }
        },
      }),
      ...[put, lend, send, drop, burn, pay].map(write),
    ],
  }
}
