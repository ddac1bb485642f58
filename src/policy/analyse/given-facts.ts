import type { FactDeclaration, FactDeclarations, FactValue, Facts } from '../../contract/fact.ts'
import { parseMoney } from '../../contract/money.ts'
import { quoted } from '../decide/words.ts'
import { suggestion } from '../load/nearest.ts'

/** Facts, or what is wrong with how they were given and what to do. */
export type GivenFacts =
  | { readonly ok: true; readonly facts: Facts }
  | { readonly ok: false; readonly message: string; readonly help: string }

const WANTED: Readonly<Record<FactDeclaration['type'], string>> = {
  money: 'an amount with at most two decimals, such as 49.99',
  number: 'a number',
  boolean: 'true or false',
  text: 'a text',
  enum: 'one of its values',
}

function readValue(given: unknown, declaration: FactDeclaration): FactValue | undefined {
  switch (declaration.type) {
    case 'money':
      if (typeof given !== 'number' && typeof given !== 'string') return undefined
      try {
        return parseMoney(declaration.currency, given)
      } catch {
        return undefined
      }
    case 'number':
      return typeof given === 'number' && Number.isFinite(given) ? given : undefined
    case 'boolean':
      return typeof given === 'boolean' ? given : undefined
    case 'text':
      return typeof given === 'string' && given.isWellFormed() ? given : undefined
    case 'enum':
      return declaration.values.find((value) => value === given)
  }
}

/**
 * Reads facts in the terms of a policy, such as `{"refund_amount_usd": 49.99, "customer_tier": "standard"}`: money is an
 * amount in the currency of the fact. What is `null` or left out is not known.
 */
export function readGivenFacts(given: Readonly<Record<string, unknown>>, declares: FactDeclarations): GivenFacts {
  const facts: Record<string, FactValue> = {}
  for (const [name, value] of Object.entries(given)) {
    const declaration = Object.hasOwn(declares, name) ? declares[name] : undefined
    if (declaration === undefined) {
      const help = suggestion(name, Object.keys(declares), 'the facts of this tool are')
      return { ok: false, message: `unknown fact ${quoted(name)}`, help }
    }
    if (value === null) continue
    const read = readValue(value, declaration)
    if (read === undefined) {
      const message = `${quoted(name)} must be ${WANTED[declaration.type]}, got ${quoted(JSON.stringify(value))}`
      const help =
        declaration.type === 'enum'
          ? suggestion(typeof value === 'string' ? value : '', declaration.values, 'its values are')
          : 'Write it as a policy would; leave it out where it is not known.'
      return { ok: false, message, help }
    }
    facts[name] = read
  }
  return { ok: true, facts }
}
