// rejected by eslint/no-restricted-globals
export const used = (): Promise<unknown> => fetch('https://example.com')
