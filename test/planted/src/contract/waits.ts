// rejected by eslint/no-restricted-globals
export const used = (then: () => void): unknown => setTimeout(then, 1)
