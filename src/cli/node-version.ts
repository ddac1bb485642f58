const OLDEST = [22, 18] as const

/** What to tell somebody whose Node is too old (`22.17.1`); `undefined` when it is not. */
export function nodeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined
  return (
    `error: countersign needs Node ${OLDEST.join('.')} or later, and this is Node ${version}\n` +
    '  help  install a current Node, for example with your version manager\n' +
    '  code  node_too_old\n'
  )
}
