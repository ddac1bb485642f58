import type { ClaimCategory } from './contract.ts'

const NOT_YET = "(?:never|not|(?:has|have|had|did|is|was)n['’]t) (?:yet )?(?:been )?"
const PARCEL = '(?:parcel|package|order|delivery)'
const THING = '(?:items?|products?|articles?|things?|one|size|colou?r|model|order)'

/** What tells a category, in the words of customers who write English: regular expressions, matched as whole words. */
const SIGNS: readonly (readonly [ClaimCategory, readonly string[]])[] = [
  [
    'not_received',
    [
      `${NOT_YET}(?:arrived?|received?|delivered|come|came|shown? up|showed up|turned? up|get (?:it|the|my))`,
      'undelivered',
      'lost in (?:the )?(?:mail|post|transit)',
      `${PARCEL} (?:is|was|went|got) (?:missing|lost)`,
      `missing ${PARCEL}`,
      `where(?: is|['’]s) my ${PARCEL}`,
    ],
  ],
  [
    'damaged',
    [
      'damaged|broken?|cracked|shattered|scratched|smashed|torn|dented',
      'defective|faulty|dead on arrival|mou?ldy|leak(?:s|ed|ing)',
      "(?:does|did|is|was)n['’]t work(?:ing)?",
      '(?:does|did) not work|not working|stopped working',
    ],
  ],
  [
    'wrong_item',
    [
      `(?:wrong|incorrect) (?:\\w+ )?${THING}`,
      `different ${THING}`,
      '(?:something|completely|totally) different',
      'not what I (?:had )?ordered',
      "(?:did not|didn['’]t|never) order (?:this|that|it)",
      'instead of the',
    ],
  ],
  [
    'changed_mind',
    [
      'changed? (?:my|our) minds?|second thoughts?',
      'no longer (?:need|want)(?:ed)?',
      "(?:do not|don['’]t|didn['’]t) (?:need|want|like) (?:it|this|that|them)(?! (?:damaged|broken))",
      'ordered (?:\\w+ ){0,3}by (?:mistake|accident)|accidentally ordered',
      "does(?: not|n['’]t) fit|too (?:big|small|large)",
      'cheaper',
    ],
  ],
]

/** `not damaged` is no sign of damage. */
const DENIED = "(?<!\\b(?:not|never|no|(?:is|was|are|were)n['’]t) (?:been )?)"

const PATTERNS = SIGNS.map(
  ([category, signs]) => [category, new RegExp(`${DENIED}\\b(?:${signs.join('|')})\\b`, 'iu')] as const,
)

/** The category of the first sign in a text and where it stands; `other` when there is none. */
export function categoryIn(text: string): { readonly category: ClaimCategory; readonly at: number | undefined } {
  let first: { category: ClaimCategory; at: number } | undefined
  for (const [category, pattern] of PATTERNS) {
    const at = text.search(pattern)
    if (at >= 0 && (first === undefined || at < first.at)) first = { category, at }
  }
  return first ?? { category: 'other', at: undefined }
}
