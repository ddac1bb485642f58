// rejected by eslint/no-console
export const used = (): void => console.log('a payload')
