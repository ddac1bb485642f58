// rejected by typescript/only-throw-error
export function used(): never {
  throw 'a string'
}
