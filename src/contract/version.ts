/** A version of the workers: one build of the code of a deployment. */
export interface WorkerVersion {
  /** The worker deployment, as Temporal names a group of workers that replace one another. */
  readonly deployment: string
  /** The kernel's version and the digest of the bundle; see `PlaybookBundle`. */
  readonly buildId: string
}

/** Less than what Temporal takes for the name of a deployment: a `.` or a `:` would part it from the build id. */
export const isDeploymentName = (name: string): boolean => /^(?!__)[A-Za-z0-9_/-]{1,200}$/.test(name)

/** The deployment of workers that name none: their task queue, with `-` for what cannot stand in a name. */
export const deploymentOf = (taskQueue: string): string => taskQueue.replaceAll(/[^A-Za-z0-9_/-]/g, '-').slice(0, 200)

/** Reads what Temporal writes into its search attribute of a run; `undefined` when it is not of that form. */
export function versionIn(text: string): WorkerVersion | undefined {
  const at = text.indexOf(':')
  return at < 1 ? undefined : { deployment: text.slice(0, at), buildId: text.slice(at + 1) }
}
