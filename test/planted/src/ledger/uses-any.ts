// rejected by typescript/no-explicit-any
export const used = (value: any): string => String(value)
