// rejected by eslint/no-restricted-properties
export const used = Math.random()
