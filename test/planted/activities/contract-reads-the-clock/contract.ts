// rejected by eslint/no-restricted-globals
export const used = Date.now()
