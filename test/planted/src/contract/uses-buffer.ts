// rejected by eslint/no-restricted-globals
export const used = Buffer.from('a')
