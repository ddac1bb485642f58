import type { ASTNode } from '@marcbachmann/cel-js'
import type { FactDeclaration } from '../../contract/fact.ts'
import { parseMoney } from '../../contract/money.ts'
import { normaliseText } from '../../contract/plain-text.ts'
import type { KnownFact } from '../../contract/playbook.ts'
import { listed, quoted } from '../decide/words.ts'
import type { CelOperator, CelPart, Expression } from '../types.ts'
import { nearest, suggestion } from './nearest.ts'
import { MOST_DIGITS } from './operands.ts'

/** Why an expression cannot be used. */
export class Mistake extends Error {
  /** In UTF-16 units from the beginning of the expression. */
  readonly at: number
  readonly help: string

  constructor(at: number, message: string, help: string) {
    super(message)
    this.at = at
    this.help = help
  }
}

type CelType = FactDeclaration | { readonly type: 'int' } | { readonly type: 'bool' } | { readonly type: 'word' }

/** A part with its type; `word` is a text in quotes, and becomes what it stands beside. */
interface Typed {
  readonly node: ASTNode
  readonly is: CelPart
  readonly as: CelType
  /** Of a number that is written out: its digits. Beside money it is an amount. */
  readonly digits?: string
}

const WORDS: Readonly<Record<Exclude<CelType['type'], 'money'>, string>> = {
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  bool: 'true or false',
  text: 'text',
  enum: 'enum',
  word: 'a text in quotes',
}
const wordsOf = (as: CelType): string => (as.type === 'money' ? `money in ${as.currency}` : WORDS[as.type])

const DIGITS = /^(?:0|[1-9]\d*)(?:\.\d+)?$/
const TEXT_FUNCTIONS = ['contains', 'startsWith', 'endsWith'] as const
const FUNCTIONS: readonly string[] = [...TEXT_FUNCTIONS, 'size']
const MACROS = ['all', 'exists', 'exists_one', 'filter', 'map', 'bind']
const CLOCK = /^(?:now|timestamp|duration|get[A-Z]\w*)$/
const BOOL = { type: 'bool' } as const
const INT = { type: 'int' } as const
const NUMBER = { type: 'number', unit: '', trust: 'record' } as const

const MONEY_OR_NUMBERS = 'both must be numbers, or money of one currency; an amount is written out, such as `49.99`.'

const isBool = ({ as }: Typed): boolean => as.type === 'bool' || as.type === 'boolean'
const isNumber = ({ as }: Typed): boolean => as.type === 'int' || as.type === 'number'

/** Types an expression of which `name` is the place in the file. Throws `Mistake`. */
export function typedCel(
  ast: ASTNode,
  name: string,
  facts: ReadonlyMap<string, KnownFact>,
): Pick<Expression, 'facts' | 'is'> {
  const reading = new Reading(name, facts)
  const whole = reading.read(ast)
  if (!isBool(whole)) {
    const message = `\`${name}\` is ${wordsOf(whole.as)}, and must be true or false.`
    throw new Mistake(0, message, 'compare it with something.')
  }
  if (reading.named.size > 0) return { facts: [...reading.named], is: whole.is }
  throw new Mistake(
    0,
    `\`${name}\` names no fact.`,
    suggestion('', [...facts.keys()], 'the facts of this playbook are'),
  )
}

class Reading {
  readonly #name: string
  readonly #facts: ReadonlyMap<string, KnownFact>
  readonly named = new Set<string>()

  constructor(name: string, facts: ReadonlyMap<string, KnownFact>) {
    this.#name = name
    this.#facts = facts
  }

  #wrong(node: ASTNode, message: string, help: string): Mistake {
    return new Mistake(node.start, `\`${this.#name}\`: ${message}.`, help)
  }

  #unknown(node: ASTNode, what: string, name: string, known: readonly string[], are: string): Mistake {
    return new Mistake(node.start, `unknown ${what} ${quoted(name)} in ${this.#name}.`, suggestion(name, known, are))
  }

  #between(node: ASTNode, op: string, one: Typed, other: Typed, help: string): Mistake {
    return this.#wrong(node, `\`${op}\` stands between ${wordsOf(one.as)} and ${wordsOf(other.as)}`, help)
  }

  read(node: ASTNode): Typed {
    switch (node.op) {
      case 'value':
        return this.#literal(node, node.args)
      case 'id':
        return this.#fact(node, node.args)
      case '!_':
        return this.#all(node, '!', [node.args])
      case '&&':
      case '||':
        return this.#all(node, node.op, node.args)
      case '-_':
        return this.#negative(node, this.read(node.args))
      case '?:':
        return this.#choice(node, node.args)
      case '+':
      case '-':
        return this.#sum(node, node.op, this.read(node.args[0]), this.read(node.args[1]))
      case '*':
      case '/':
      case '%':
        return this.#product(node, node.op, this.read(node.args[0]), this.read(node.args[1]))
      case '==':
      case '!=':
        return this.#alike(node, node.op, this.read(node.args[0]), this.read(node.args[1]))
      case 'in':
        return this.#in(node, node.args)
      case '<':
      case '<=':
      case '>':
      case '>=':
        return this.#ordered(node, node.op, this.read(node.args[0]), this.read(node.args[1]))
      case 'call':
        return this.#call(node, node.args[0], node.args[1])
      case 'rcall':
        return this.#call(node, node.args[0], [node.args[1], ...node.args[2]])
      case '.':
      case '.?':
      case '[]':
      case '[?]':
        throw this.#wrong(node, 'a fact has no parts', 'name the fact alone.')
      case 'list':
      case 'map':
        throw this.#wrong(node, 'a list stands only behind `in`', 'compare with one value.')
    }
  }

  #literal(node: ASTNode, value: unknown): Typed {
    if (typeof value === 'string') return { node, is: { literal: value }, as: { type: 'word' } }
    if (typeof value === 'boolean') return { node, is: { literal: value }, as: BOOL }
    const digits = node.input.slice(node.start, node.end)
    if (typeof value !== 'number' && typeof value !== 'bigint') {
      throw this.#wrong(node, `${quoted(digits)} is no value that a fact has`, 'write a number, a text or a boolean.')
    }
    if (!DIGITS.test(digits)) {
      throw this.#wrong(
        node,
        `the number ${quoted(digits)} is not plain`,
        'write it in digits, such as `50` or `49.99`.',
      )
    }
    return this.#numeral(node, digits)
  }

  #numeral(node: ASTNode, digits: string): Typed {
    if (digits.replace(/[-.]/g, '').replace(/^0+/, '').length > MOST_DIGITS) {
      throw this.#wrong(node, `${quoted(digits)} has more than ${MOST_DIGITS} digits`, 'round it.')
    }
    const isInt = !digits.includes('.')
    // not -0
    return { node, is: isInt ? { int: digits } : { literal: Number(digits) + 0 }, as: isInt ? INT : NUMBER, digits }
  }

  #fact(node: ASTNode, name: string): Typed {
    const known = this.#facts.get(name)
    if (known === undefined) {
      throw this.#unknown(node, 'fact', name, [...this.#facts.keys()], 'the facts of this playbook are')
    }
    this.named.add(name)
    return { node, is: { fact: name }, as: known.declaration }
  }

  #all(node: ASTNode, op: CelOperator, parts: readonly ASTNode[]): Typed {
    const typed = parts.map((part) => this.read(part))
    for (const part of typed) if (!isBool(part)) throw this.#notBool(part, op)
    return { node, is: { op, of: typed.map(({ is }) => is) }, as: BOOL }
  }

  #notBool({ node, as }: Typed, op: string): Mistake {
    return this.#wrong(
      node,
      `\`${op}\` is asked of ${wordsOf(as)}`,
      'it is for what is true or false: compare it first.',
    )
  }

  #negative(node: ASTNode, part: Typed): Typed {
    if (part.digits !== undefined && !part.digits.startsWith('-')) return this.#numeral(node, `-${part.digits}`)
    if (isNumber(part) || part.as.type === 'money') return { node, is: { op: 'neg', of: [part.is] }, as: part.as }
    throw this.#wrong(node, `\`-\` is asked of ${wordsOf(part.as)}`, 'it is for money and numbers.')
  }

  #choice(node: ASTNode, [condition, yes, no]: readonly [ASTNode, ASTNode, ASTNode]): Typed {
    const asked = this.read(condition)
    if (!isBool(asked)) throw this.#notBool(asked, '?:')
    const [one, other] = this.#asMoney(this.read(yes), this.read(no))
    const of = [asked.is, one.is, other.is]
    if (isBool(one) && isBool(other)) return { node, is: { op: '?:', of }, as: BOOL }
    if (isNumber(one) && isNumber(other)) return { node, is: { op: '?:', of }, as: numberOf(one, other) }
    if (isSameMoney(one, other)) return { node, is: { op: '?:', of }, as: one.as }
    throw this.#between(node, ':', one, other, 'both must be money of one currency, numbers, or true or false.')
  }

  #sum(node: ASTNode, op: '+' | '-', left: Typed, right: Typed): Typed {
    const [one, other] = this.#asMoney(left, right)
    const is: CelPart = { op, of: [one.is, other.is] }
    if (isSameMoney(one, other)) return { node, is, as: one.as }
    if (isNumber(one) && isNumber(other)) return { node, is, as: numberOf(one, other) }
    throw this.#between(node, op, one, other, MONEY_OR_NUMBERS)
  }

  #product(node: ASTNode, op: '*' | '/' | '%', one: Typed, other: Typed): Typed {
    const is: CelPart = { op, of: [one.is, other.is] }
    const types = [one.as.type, other.as.type]
    if (op === '*' && types.includes('money') && types.includes('int')) {
      return { node, is, as: one.as.type === 'money' ? one.as : other.as }
    }
    const both = isNumber(one) && isNumber(other)
    const as = numberOf(one, other)
    if (both && (op !== '%' || as.type === 'int')) return { node, is, as }
    const help = types.includes('money')
      ? 'money is only multiplied, and by whole numbers, so that no cent is rounded: multiply the other side.'
      : `both must be ${op === '%' ? 'whole ' : ''}numbers.`
    throw this.#between(node, op, one, other, help)
  }

  #ordered(node: ASTNode, op: '<' | '<=' | '>' | '>=', left: Typed, right: Typed): Typed {
    const [one, other] = this.#asMoney(left, right)
    if (isSameMoney(one, other) || (isNumber(one) && isNumber(other))) {
      return { node, is: { op, of: [one.is, other.is] }, as: BOOL }
    }
    throw this.#between(node, op, one, other, MONEY_OR_NUMBERS)
  }

  #in(node: ASTNode, [value, list]: readonly [ASTNode, ASTNode]): Typed {
    const [first, ...others] = list.op === 'list' ? list.args : []
    if (first === undefined) {
      throw this.#wrong(list, '`in` needs a list', "write it in brackets, such as `['plus', 'enterprise']`.")
    }
    return this.#alike(node, 'in', this.read(value), this.read(first), ...others.map((item) => this.read(item)))
  }

  /** A value and others that it may be. */
  #alike(node: ASTNode, op: '==' | '!=' | 'in', value: Typed, first: Typed, ...others: readonly Typed[]): Typed {
    const [one, other] = this.#pair(node, op, value, first)
    const rest = others.map((each) => this.#pair(node, op, value, each)[1])
    return { node, is: { op, of: [one, other, ...rest] }, as: BOOL }
  }

  #pair(node: ASTNode, op: string, left: Typed, right: Typed): readonly [CelPart, CelPart] {
    const [one, other] = this.#asMoney(left, right)
    const pair = [one.is, other.is] as const
    if (isSameMoney(one, other) || (isNumber(one) && isNumber(other)) || (isBool(one) && isBool(other))) return pair
    if (one.as.type === 'text' && other.as.type === 'text') return pair
    if (one.as.type === 'enum' && other.as.type === 'enum') return pair
    if (other.as.type === 'word' && (one.as.type === 'text' || one.as.type === 'enum')) {
      return [one.is, this.#word(one.as, other)]
    }
    if (one.as.type === 'word' && (other.as.type === 'text' || other.as.type === 'enum')) {
      return [this.#word(other.as, one), other.is]
    }
    throw this.#between(node, op, one, other, 'both must be of one type, and not two texts in quotes.')
  }

  /** A text in quotes as what it stands beside: the normal form of a text, or one of the values of an enum. */
  #word(beside: Extract<CelType, { type: 'text' | 'enum' }>, { node, is }: Typed): CelPart {
    const word = 'literal' in is && typeof is.literal === 'string' ? is.literal : ''
    if (beside.type === 'text') return { literal: normaliseText(word) }
    if (beside.values.includes(word)) return is
    throw this.#wrong(node, `${quoted(word)} is none of ${listed(beside.values)}`, suggested(word, beside.values))
  }

  #call(node: ASTNode, name: string, args: readonly ASTNode[]): Typed {
    if (name === 'matches') {
      const help = 'use `contains`, `startsWith` or `endsWith`.'
      throw this.#wrong(node, '`matches` asks for a regular expression, and there are none', help)
    }
    if (CLOCK.test(name)) {
      const help = 'time is a fact: ask one that tells an age, such as `order_age_days`.'
      throw this.#wrong(node, `\`${name}\` asks for time, and there is no clock`, help)
    }
    if (name === 'has') {
      throw this.#wrong(node, '`has` asks whether a fact is known', 'write the test `<fact>_exists` beside `cel`.')
    }
    if (MACROS.includes(name)) {
      throw this.#wrong(node, `\`${name}\` goes through a list, and facts are none`, 'name each fact.')
    }
    if (!FUNCTIONS.includes(name)) {
      throw this.#unknown(node, 'function', name, FUNCTIONS, 'the functions are')
    }
    const typed = args.map((arg) => this.read(arg))
    const [text, needle, ...more] = typed
    if (text?.as.type !== 'text') {
      throw this.#wrong(
        node,
        `\`${name}\` is asked of ${text === undefined ? 'nothing' : wordsOf(text.as)}`,
        'it is for text.',
      )
    }
    if (name === 'size' && needle === undefined) return { node, is: { op: 'size', of: [text.is] }, as: INT }
    const op = TEXT_FUNCTIONS.find((each) => each === name && node.op === 'rcall')
    if (op === undefined || needle === undefined || more.length > 0) {
      const form = name === 'size' ? '`size(reason)`' : `\`reason.${name}('damaged')\``
      throw this.#wrong(node, `\`${name}\` is given something else than it takes`, `write it such as ${form}.`)
    }
    if (needle.as.type === 'text') return { node, is: { op, of: [text.is, needle.is] }, as: BOOL }
    if (needle.as.type !== 'word') {
      throw this.#wrong(needle.node, `\`${name}\` looks for ${wordsOf(needle.as)}`, 'look for a text.')
    }
    const is = this.#word(text.as, needle)
    if ('literal' in is && is.literal !== '') return { node, is: { op, of: [text.is, is] }, as: BOOL }
    throw this.#wrong(
      needle.node,
      `\`${name}\` looks for an empty text`,
      'every text holds it; fill it in or take it out.',
    )
  }

  /** Beside money a number that is written out is an amount in its currency. */
  #asMoney(one: Typed, other: Typed): readonly [Typed, Typed] {
    return [this.#amount(one, other.as), this.#amount(other, one.as)]
  }

  #amount(typed: Typed, beside: CelType): Typed {
    if (beside.type !== 'money' || typed.digits === undefined) return typed
    try {
      return { node: typed.node, is: { int: String(parseMoney(beside.currency, typed.digits).cents) }, as: beside }
    } catch {
      const message = `${quoted(typed.digits)} is not an amount of ${beside.currency} with at most two decimals`
      throw this.#wrong(typed.node, message, 'write it such as `49.99`.')
    }
  }
}

const suggested = (word: string, values: readonly string[]): string => {
  const meant = nearest(word, values)
  return meant === undefined ? 'write one of them.' : `did you mean ${quoted(meant)}?`
}

const numberOf = (one: Typed, other: Typed): typeof INT | typeof NUMBER =>
  one.as.type === 'int' && other.as.type === 'int' ? INT : NUMBER

const isSameMoney = ({ as: one }: Typed, { as: other }: Typed): boolean =>
  one.type === 'money' && other.type === 'money' && one.currency === other.currency
