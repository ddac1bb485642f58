import type { z } from 'zod'
import { classesOf, type FieldClass, isSecretReference, type PiiKind } from '../contract/classes.ts'
import { detect, type Detected } from './detectors.ts'

/** What a covered value is: it stands in what is shown in its place, `[email]` or `<email-1>`. */
export type CoveredKind = PiiKind | Detected

/** What is said in the place of a value. */
export type Mark = (kind: CoveredKind, value: string) => string

/** In the place of what nobody has to refer to. */
const MASK: Mark = (kind) => `[${kind}]`

/** In the place of what somebody wrote. */
export const MASKED_TEXT = MASK('text', '')

/** Classes as a tree of names; `*` is any name. */
interface Branch {
  readonly own: FieldClass | undefined
  readonly named: ReadonlyMap<string, Branch>
}

interface Growing {
  own: FieldClass | undefined
  readonly named: Map<string, Growing>
}

const trees = new WeakMap<z.core.$ZodType, Branch>()

/** The classes of a schema, as a tree; made once a schema. */
function treeOf(schema: z.core.$ZodType): Branch {
  const known = trees.get(schema)
  if (known !== undefined) return known
  const root: Growing = { own: undefined, named: new Map() }
  for (const { path, ...own } of classesOf(schema)) {
    let at = root
    for (const name of path) {
      const next = at.named.get(name) ?? { own: undefined, named: new Map<string, Growing>() }
      at.named.set(name, next)
      at = next
    }
    at.own = { ...at.own, ...own }
  }
  trees.set(schema, root)
  return root
}

const below = (branches: readonly Branch[], name: string): readonly Branch[] =>
  branches.flatMap(({ named }) => [named.get(name), named.get('*')].filter((branch) => branch !== undefined))

type Leaf = string | number | boolean | bigint

interface Found extends FieldClass {
  readonly value: Leaf
}

/** Calls back for each value that stands alone, with what the schema says of it; an object's own class is that of all in it. */
function eachLeaf(
  value: unknown,
  branches: readonly Branch[],
  from: FieldClass | undefined,
  tell: (leaf: Found) => void,
): void {
  if (branches.length === 0 && from === undefined) return
  const own = classAt(branches, from)
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      eachLeaf(inner, below(branches, Array.isArray(value) ? '*' : name), own, tell)
    }
  } else if (isLeaf(value) && own !== undefined) tell({ value, ...own })
}

const isLeaf = (value: unknown): value is Leaf => ['string', 'number', 'boolean', 'bigint'].includes(typeof value)

function classAt(branches: readonly Branch[], from: FieldClass | undefined): FieldClass | undefined {
  const [first, ...more] = [from, ...branches.map(({ own }) => own)].filter((own) => own !== undefined)
  return more.length === 0 ? first : Object.assign({}, first, ...more)
}

/** A personal value that a contract named as one. */
export interface Known {
  readonly kind: PiiKind
  readonly text: string
}

/** The personal values in a value, as its schema says. */
export function personalIn(value: unknown, schema: z.core.$ZodType): readonly Known[] {
  const found: Known[] = []
  eachLeaf(value, [treeOf(schema)], undefined, ({ pii: kind, value: leaf }) => {
    if (kind !== undefined && typeof leaf !== 'boolean') found.push({ kind, text: String(leaf) })
  })
  return found
}

/** Of whom a value is, as its schema says: the texts of its subjects, each once. */
export function subjectsIn(value: unknown, schema: z.core.$ZodType): readonly string[] {
  const found = new Set<string>()
  eachLeaf(value, [treeOf(schema)], undefined, ({ subject, value: leaf }) => {
    if (subject === true && typeof leaf !== 'boolean' && String(leaf) !== '') found.add(String(leaf))
  })
  return [...found]
}

/** The references to secrets in a value, as its schema says, each once. */
export function secretsIn(value: unknown, schema: z.core.$ZodType): readonly string[] {
  const found = new Set<string>()
  eachLeaf(value, [treeOf(schema)], undefined, ({ secret, value: leaf }) => {
    if (secret === true && isSecretReference(leaf)) found.add(leaf)
  })
  return [...found]
}

/** So many known values are looked for elsewhere in a text; those of fields of their own are covered, however many there are. */
const MOST_KNOWN = 1_000
/** A shorter one would be found in every other word. */
const LEAST = 3
const WORD = /[\p{L}\p{N}]+/gu
const IS_WORD = /[\p{L}\p{N}]/u

interface Wanted extends Known {
  /** How much of it stands before its first word. */
  readonly before: number
}

/** Finds known values in texts, as whole words. */
class KnownValues {
  readonly #byWord = new Map<string, Wanted[]>()
  readonly #texts = new Set<string>()

  constructor(known: Iterable<Known>) {
    for (const { kind, text } of known) {
      this.#add(kind, text)
      // JSON within a text holds it in another form.
      this.#add(kind, JSON.stringify(text).slice(1, -1))
      // Of somebody who is known by his whole name, a part of it tells, too.
      if (kind === 'name') for (const [part] of text.matchAll(WORD)) this.#add(kind, part)
    }
    // The longest first: it is not taken apart by a part of it.
    for (const wanted of this.#byWord.values()) wanted.sort((a, b) => b.text.length - a.text.length)
  }

  #add(kind: PiiKind, text: string): void {
    if (text.length < LEAST || this.#texts.has(text) || this.#texts.size >= MOST_KNOWN) return
    const word = text.search(IS_WORD)
    if (word === -1) return
    this.#texts.add(text)
    const [first = ''] = text.slice(word).match(WORD) ?? []
    const same = this.#byWord.get(first)
    const wanted = { kind, text, before: word }
    if (same === undefined) this.#byWord.set(first, [wanted])
    else same.push(wanted)
  }

  get isEmpty(): boolean {
    return this.#texts.size === 0
  }

  find(text: string, found: (kind: PiiKind, start: number, end: number) => void): void {
    if (this.isEmpty) return
    let done = 0
    for (const { 0: word, index } of text.matchAll(WORD)) {
      if (index < done) continue
      const one = this.#byWord.get(word)?.find((wanted) => {
        const start = index - wanted.before
        if (start < done || !text.startsWith(wanted.text, start)) return false
        const end = start + wanted.text.length
        return !(IS_WORD.test(wanted.text.at(-1) ?? '') && IS_WORD.test(text.charAt(end)))
      })
      if (one === undefined) continue
      done = index - one.before + one.text.length
      found(one.kind, index - one.before, done)
    }
  }
}

/** Puts marks in the place of what is personal in texts: of what is known, and of what can be told by its form. */
export interface Cover {
  readonly text: (text: string) => string
  /** The value with marks in it; `schema` says what of it is personal as a whole. */
  readonly value: (value: unknown, schema?: z.core.$ZodType) => unknown
}

export interface CoverOptions {
  readonly mark?: Mark
  /** Personal values that are covered wherever they stand. */
  readonly known?: Iterable<Known>
  /** Whether what somebody wrote stays, less what is personal in it. Default: no. */
  readonly keepsTexts?: boolean
}

/** See `Cover`. Each costs as much as its known values: make one for all that is shown at once. */
export function coverOf({ mark = MASK, known = [], keepsTexts = false }: CoverOptions = {}): Cover {
  const all = [...known].filter(({ kind }) => !(keepsTexts && kind === 'text'))
  const values = new KnownValues(all)

  const text = (said: string): string => {
    const found: { kind: CoveredKind; start: number; end: number }[] = []
    values.find(said, (kind, start, end) => found.push({ kind, start, end }))
    const detected = detect(said)
    if (detected.length > 0) {
      const mine = found.length
      // What a contract says of a value goes before its form.
      let at = 0
      for (const one of detected) {
        while (at < mine && (found[at]?.end ?? 0) <= one.start) at++
        const other = at < mine ? found[at] : undefined
        if (other === undefined || other.start >= one.end) found.push({ ...one })
        else {
          other.start = Math.min(other.start, one.start)
          other.end = Math.max(other.end, one.end)
        }
      }
      if (mine > 0) found.sort((a, b) => a.start - b.start)
    }
    if (found.length === 0) return said
    let out = ''
    let done = 0
    for (const { kind, start, end } of found) {
      if (end <= done) continue
      const from = Math.max(start, done)
      out += said.slice(done, from) + mark(kind, said.slice(from, end))
      done = end
    }
    return out + said.slice(done)
  }

  const whole = (leaf: Leaf, kind: PiiKind): unknown => {
    if (kind === 'text' && keepsTexts && typeof leaf === 'string') return withinJson(leaf, walk) ?? text(leaf)
    return leaf === '' ? leaf : mark(kind, String(leaf))
  }

  const walk = (value: unknown, branches: readonly Branch[], from: FieldClass | undefined): unknown => {
    const own = branches.length === 0 ? from : classAt(branches, from)
    if (Array.isArray(value)) {
      const inner = below(branches, '*')
      return value.map((each) => walk(each, inner, own))
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([name, inner]) => [nameOf(name), walk(inner, below(branches, name), own)]),
      )
    }
    if (own?.secret === true && typeof value === 'string')
      return isSecretReference(value) ? value : mark('secret', value)
    if (own?.pii !== undefined && isLeaf(value)) return whole(value, own.pii)
    return typeof value === 'string' ? (withinJson(value, walk) ?? text(value)) : value
  }

  /** Names of fields are the contract's, but for those of records, where an address may be one. */
  const nameOf = (name: string): string => {
    const [first] = detect(name)
    return first === undefined ? name : text(name)
  }

  return { text, value: (value, schema) => walk(value, schema === undefined ? [] : [treeOf(schema)], undefined) }
}

/** A text that is the JSON of an object or a list, walked as such; `undefined`: it is none. */
function withinJson(
  text: string,
  walk: (value: unknown, branches: readonly Branch[], from: undefined) => unknown,
): string | undefined {
  const inner = jsonIn(text)
  if (inner === undefined) return undefined
  const before = JSON.stringify(inner)
  const after = JSON.stringify(walk(inner, [], undefined))
  return before === after ? text : after
}

/** The object or list that a text is the JSON of. */
export function jsonIn(text: string): object | undefined {
  if (!/^\s{0,100}[[{]/.test(text) || !/[\]}]\s{0,100}$/.test(text.slice(-101))) return undefined
  try {
    return JSON.parse(text) as object
  } catch {
    return undefined
  }
}

/** The tokens of JSON: a text, which may have no end, a bracket, anything else. */
const TOKEN = /"(?:[^"\\]|\\.)*"?|[[\]{}]|[^\s"[\]{}]+/gs
const CLOSES: Readonly<Record<string, string>> = { '{': '}', '[': ']' }
/** Behind the last value of an object stand at most a comma, a name and a colon. */
const MOST_BEHIND = 5

/** As `jsonIn`, also of a text of which the end was cut off: as much of it as can be read, with the beginning of the text in which it was cut. */
export function cutJsonIn(text: string): object | undefined {
  const whole = jsonIn(text)
  if (whole !== undefined || !/^\s{0,100}[[{]/.test(text)) return whole
  const closing: string[] = []
  const ends: string[] = []
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const closes = CLOSES[token]
    if (closes !== undefined) closing.unshift(closes)
    else if (token === closing[0]) closing.shift()
    const isCut = token.startsWith('"') && (token.length === 1 || !token.endsWith('"'))
    ends.push(`${text.slice(0, index)}${token}${isCut ? '"' : ''}${closing.join('')}`)
    if (ends.length > MOST_BEHIND) ends.shift()
  }
  for (const end of ends.toReversed()) {
    const found = jsonIn(end)
    if (found !== undefined) return found
  }
  return undefined
}
