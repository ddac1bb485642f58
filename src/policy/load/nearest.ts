import { listed, quoted } from '../decide/words.ts'

const LONGEST_NAME = 64

/** How many letters have to be put in, left out or exchanged to make one name of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [row, letter] of a.split('').entries()) {
    const current = [row + 1]
    for (let at = 0; at < b.length; at++) {
      const exchanged = (previous[at] ?? 0) + (letter === b[at] ? 0 : 1)
      current.push(Math.min(exchanged, (previous[at + 1] ?? 0) + 1, (current[at] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}

/** Whether the letters of a name stand in this order in one candidate, and not in the other. */
const continues = (name: string, candidate: string, other: string): boolean =>
  contains(candidate, name) && !contains(other, name)

function contains(text: string, letters: string): boolean {
  let at = 0
  for (const letter of text) if (letter === letters[at]) at++
  return at === letters.length
}

/** The known name that was probably meant: at most a third of its letters differ. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > LONGEST_NAME) return undefined
  let best: { readonly name: string; readonly away: number } | undefined
  for (const candidate of known) {
    const away = distance(name.toLowerCase(), candidate.toLowerCase())
    const near = away <= Math.max(1, Math.floor(candidate.length / 3))
    // Of two that are as near, the one of which this is the beginning: `ge` was to become `gte`, not `ne`.
    const closer =
      best === undefined || away < best.away || (away === best.away && continues(name, candidate, best.name))
    if (near && closer) best = { name: candidate, away }
  }
  return best?.name
}

/** Shorter ones are near too much. */
const SHORTEST_WORD = 5

/** The nearest known name, else the only one of which a word was probably meant: of `approve`, `require_approval`. */
export function meantBy(name: string, known: readonly string[]): string | undefined {
  const ofWord = known.filter((candidate) => {
    const words = candidate.split('_').filter((word) => word.length >= SHORTEST_WORD)
    return nearest(name, words) !== undefined
  })
  return nearest(name, known) ?? (ofWord.length === 1 ? ofWord[0] : undefined)
}

/** Help for an unknown name: the nearest known one, or all of them. `what` opens that list: `the known facts are`. */
export function suggestion(name: string, known: readonly string[], what: string): string {
  const meant = meantBy(name, known)
  if (meant !== undefined) return `did you mean ${quoted(meant)}?`
  return `${what}: ${known.length === 0 ? 'none' : listed(known)}.`
}
