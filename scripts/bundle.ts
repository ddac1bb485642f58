/** Bundles the playbooks as the worker does, and says how large the bundle is: what cannot run in the sandbox fails here. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'

const workflowsPath = join(resolve(import.meta.dirname, '..'), 'workflows/index.ts')

if (!existsSync(workflowsPath)) {
  console.error('workflows/index.ts is missing: there is no playbook to bundle')
  process.exit(1)
}
const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
console.log(`workflow bundle: ${Math.round(Buffer.byteLength(code) / 1024)} KB`)
