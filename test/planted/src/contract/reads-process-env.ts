// rejected by eslint/no-restricted-globals
export const used = process.env['HOME']
