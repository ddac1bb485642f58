/** A claim as the model reads it; `cents`: what is asked for, `null` for everything. */
export const claim = (cents: number | null, reason = 'it arrived broken', more: object = {}): object => ({
  category: 'damaged',
  reason,
  asksFor: cents === null ? 'everything' : 'amount',
  amount: cents === null ? null : { currency: 'USD', cents },
  ...more,
})

/** The text of a claim for one cent, with a part of it exchanged. */
export const claimWith = (part: string, instead: string): string => {
  const text = JSON.stringify(claim(1))
  if (!text.includes(part)) throw new Error(`there is no ${part} in ${text}`)
  return text.replace(part, instead)
}
