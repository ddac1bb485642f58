// accepted
export const small = 1
