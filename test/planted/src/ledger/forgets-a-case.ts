// rejected by typescript/switch-exhaustiveness-check
export function used(decision: 'allow' | 'deny'): number {
  let answer = 0
  switch (decision) {
    case 'allow':
      answer = 1
  }
  return answer
}
