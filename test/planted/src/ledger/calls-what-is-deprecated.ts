// rejected by typescript/no-deprecated
/** @deprecated Use `now`. */
const before = (): number => 1

export const used = before()
