// rejected by typescript/no-non-null-assertion
export const used = (values: string[]): string => values[0]!
