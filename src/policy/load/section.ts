import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import { quoted } from '../decide/words.ts'
import { describe, type Found, readName, type Reader } from './found.ts'
import { suggestion } from './nearest.ts'
import type { Report } from './problem.ts'

/** Names that JavaScript objects give a meaning of their own. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])

/** A key of the file with its value. */
export interface Entry extends Found {
  readonly key: string
  readonly keyOffset: number
}

const offsetOf = (node: Node): number => node.range?.[0] ?? 0

/** The entries of a map in the order of the file; keys that are not text, stand twice or must not be are reported. */
export function readEntries(map: YAMLMap, where: string, report: Report): readonly Entry[] {
  const seen = new Set<string>()
  const start = offsetOf(map)
  return map.items.flatMap(({ key: keyNode, value }) => {
    const key = keyNode as Node | null
    const keyOffset = key === null ? start : offsetOf(key)
    if (!isScalar(key) || typeof key.value !== 'string') {
      report.at(keyOffset, `a key must be text, not ${describe(key)}.`, 'put it in quotes or take it out.')
      return []
    }
    const name = key.value
    if (FORBIDDEN_KEYS.has(name)) {
      report.at(keyOffset, `the key ${quoted(name)} is not allowed.`, 'take it out.')
      return []
    }
    if (name === '<<') {
      report.at(keyOffset, 'the merge key `<<` is not allowed.', 'write the keys out.')
      return []
    }
    if (seen.has(name)) {
      report.at(keyOffset, `duplicate key ${quoted(name)}.`, 'keep one of the two.')
      return []
    }
    seen.add(name)
    const node = value as Node | null
    const isThere = node !== null && !(isScalar(node) && node.value === null && node.source === '')
    const offset = isThere ? offsetOf(node) : keyOffset
    return [{ key: name, name: where === '' ? name : `${where}.${name}`, node, offset, keyOffset }]
  })
}

/** A map with a fixed set of keys. */
export class Section<Key extends string> {
  readonly #report: Report
  readonly #entries: ReadonlyMap<string, Entry>
  readonly #where: string
  readonly #offset: number

  constructor(map: YAMLMap, where: string, keys: readonly Key[], report: Report) {
    this.#report = report
    this.#where = where
    this.#offset = offsetOf(map)
    const entries = readEntries(map, where, report)
    const known: readonly string[] = keys
    for (const { key, keyOffset } of entries) {
      if (known.includes(key)) continue
      const place = where === '' ? '' : ` in ${where}`
      report.at(keyOffset, `unknown key ${quoted(key)}${place}.`, suggestion(key, known, 'the keys here are'))
    }
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]))
  }

  /** What stands under a key; the fallback when there is no such key, or when its value was reported. */
  read<T, F>(key: Key, reader: Reader<T>, fallback: F): T | F {
    const entry = this.#entries.get(key)
    return (entry === undefined ? undefined : reader(entry, this.#report)) ?? fallback
  }

  has = (key: Key): boolean => this.#entries.has(key)

  /** As `read`, but a missing key is reported. */
  require<T, F>(key: Key, reader: Reader<T>, fallback: F): T | F {
    if (!this.#entries.has(key)) {
      const { what, docs } = this.#report.form
      const place = this.#where === '' ? what : `\`${this.#where}\``
      this.#report.at(this.#offset, `${place} lacks the key \`${key}\`.`, `add it; see ${docs}.`)
    }
    return this.read(key, reader, fallback)
  }
}

/** A map: its node, or `undefined` after it was reported that it is none. */
export const readMap: Reader<YAMLMap> = ({ name, node, offset }, report) => {
  if (isMap(node)) return node
  return report.at(
    offset,
    `\`${name}\` must be a map, got ${describe(node)}.`,
    'indent its keys below it, or take it out.',
  )
}

/** A section of the policy, made into its value. */
export const readSection =
  <Key extends string, T>(keys: readonly Key[], make: (section: Section<Key>) => T | undefined): Reader<T> =>
  (found, report) => {
    const map = readMap(found, report)
    return map === undefined ? undefined : make(new Section(map, found.name, keys, report))
  }

/** The items of a list that is not empty. */
export function readItems({ name, node, offset }: Found, report: Report, most: number): readonly Found[] | undefined {
  if (!isSeq(node)) {
    return report.at(offset, `\`${name}\` must be a list, got ${describe(node)}.`, 'start each entry with `-`.')
  }
  if (node.items.length === 0 || node.items.length > most) {
    const message = `\`${name}\` must list 1 to ${most} entries, got ${node.items.length}.`
    return report.at(offset, message, 'fill the list or take it out.')
  }
  return node.items.map((item, at) => {
    const inner = item as Node | null
    return { name: `${name}[${at}]`, node: inner, offset: inner?.range?.[0] ?? offset }
  })
}

/** A list of names, each once. */
export const readNames =
  (most: number): Reader<readonly string[]> =>
  (found, report) => {
    const names: string[] = []
    for (const item of readItems(found, report, most) ?? []) {
      const name = readName(item, report)
      if (name === undefined) continue
      if (names.includes(name)) {
        report.at(item.offset, `\`${found.name}\` lists ${quoted(name)} twice.`, 'keep one of the two.')
      }
      names.push(name)
    }
    return names
  }
