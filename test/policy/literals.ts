/**
 * The texts that stand in TypeScript, each as its fixed parts: a template has several, with what is put in between them left out. What is
 * joined with `+` is one text. Comments and regular expressions hold none.
 */
export function literalsIn(source: string): readonly (readonly string[])[] {
  const found: (readonly string[])[] = []
  let joins = false
  /** Whether what stood before is a text. */
  let isText = false
  /** Where a regular expression can stand, and no division. */
  let isOpen = true
  const add = (parts: readonly string[]): void => {
    const before = found.at(-1)
    if (!joins || before === undefined) found.push(parts)
    else found[found.length - 1] = [...before.slice(0, -1), (before.at(-1) ?? '') + (parts[0] ?? ''), ...parts.slice(1)]
    joins = false
    isText = true
    isOpen = false
  }
  let at = 0
  /** Goes on from `at`, to the brace that closes what was opened before it, or to the end. */
  const walk = (): void => {
    let depth = 0
    while (at < source.length) {
      const rest = source.slice(at, at + 2)
      const letter = source.charAt(at)
      if (rest === '//') at = endOf(source, '\n', at)
      else if (rest === '/*') at = endOf(source, '*/', at + 2)
      else if (letter === '"' || letter === "'") {
        const [text, end] = quotedAt(source, at)
        at = end
        add([text])
      } else if (letter === '`') {
        const joined = joins
        const parts = template()
        joins = joined
        add(parts)
      } else if (letter === '/' && isOpen) {
        at = regexEnd(source, at)
        isOpen = false
      } else {
        if (letter === '{') depth++
        if (letter === '}' && depth-- === 0) return
        if (/\S/.test(letter)) {
          joins = letter === '+' && isText
          isText = false
          isOpen = /[(,=:[!&|?{};+>]/.test(letter)
        }
        at++
      }
    }
  }
  const template = (): readonly string[] => {
    const parts = ['']
    at++
    while (at < source.length && source.charAt(at) !== '`') {
      if (source.slice(at, at + 2) === '${') {
        at += 2
        joins = false
        isOpen = true
        walk()
        parts.push('')
        at++
      } else {
        const escaped = source.charAt(at) === '\\'
        parts[parts.length - 1] += escaped ? unescaped(source.charAt(at + 1)) : source.charAt(at)
        at += escaped ? 2 : 1
      }
    }
    at++
    return parts
  }
  walk()
  return found
}

const endOf = (source: string, end: string, from: number): number => {
  const at = source.indexOf(end, from)
  return at === -1 ? source.length : at + end.length
}

const unescaped = (letter: string): string => (letter === 'n' ? '\n' : letter)

function quotedAt(source: string, from: number): readonly [text: string, end: number] {
  let text = ''
  let at = from + 1
  while (at < source.length && source.charAt(at) !== source.charAt(from)) {
    const escaped = source.charAt(at) === '\\'
    text += escaped ? unescaped(source.charAt(at + 1)) : source.charAt(at)
    at += escaped ? 2 : 1
  }
  return [text, at + 1]
}

function regexEnd(source: string, from: number): number {
  let isClass = false
  let at = from + 1
  while (at < source.length && (isClass || source.charAt(at) !== '/')) {
    if (source.charAt(at) === '\\') at++
    else if (source.charAt(at) === '[') isClass = true
    else if (source.charAt(at) === ']') isClass = false
    at++
  }
  return at + 1
}
