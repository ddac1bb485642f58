import { Client, Connection } from '@temporalio/client'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import { canonicalJson } from '../../src/contract/digest.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { Policy } from '../../src/policy/types.ts'
import { PAYLOAD_CONVERTER, PRELOADED } from '../../src/worker/bundle-files.ts'
import { keptIntrinsics } from '../../src/worker/kept-intrinsics.ts'
import { nativeClasses } from '../../src/worker/native-classes.ts'
import type { decideAll } from './deciding-workflow.ts'
import { pay } from './pay-facts.ts'

interface Asked {
  readonly policy: Policy
  readonly facts: Facts
}

/** Few enough for the arguments of a workflow. */
const AT_ONCE = 250

/**
 * Has payments decided in the sandbox of workflows, here, and as a host decides again, by the policy that is stored and
 * the facts that came with a warrant; fails unless all come to the same, in every word.
 */
export async function sameEverywhere(asked: readonly Asked[]): ReturnType<typeof decideAll> {
  const here = (all: readonly Asked[]) =>
    all.map(({ policy, facts }) => {
      const decision = decide(policy, pay, facts)
      return { effect: decision.effect, told: canonicalJson(decision) }
    })
  const told = here(asked)
  expect(here(asked.map((each) => JSON.parse(canonicalJson(each)) as Asked))).toEqual(told)
  expect(await inSandbox(asked)).toEqual(told)
  return told
}

async function inSandbox(asked: readonly Asked[]): ReturnType<typeof decideAll> {
  const address = inject('temporalAddress')
  const taskQueue = `decide-${randomUUID()}`
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, 'deciding-workflow.ts'),
    payloadConverterPath: PAYLOAD_CONVERTER,
    preloadModules: [...PRELOADED],
    webpackConfigHook: (config) => keptIntrinsics(nativeClasses(config)),
    logger: new DefaultLogger('ERROR'),
  })
  expect(workflowBundle.code).not.toContain('cel-js')
  const connection = await NativeConnection.connect({ address })
  const dataConverter = { payloadConverterPath: PAYLOAD_CONVERTER }
  const worker = await Worker.create({ connection, taskQueue, workflowBundle, dataConverter })
  const client = new Client({ connection: await Connection.connect({ address }), dataConverter })
  const parts = Array.from({ length: Math.ceil(asked.length / AT_ONCE) }, (_, at) =>
    asked.slice(at * AT_ONCE, (at + 1) * AT_ONCE),
  )
  const told = await worker.runUntil(
    Promise.all(
      parts.map((part, at) => {
        const workflowId = `${taskQueue}-${at}`
        return client.workflow.execute<typeof decideAll>('decideAll', { taskQueue, workflowId, args: [part] })
      }),
    ),
  )
  await Promise.all([connection.close(), client.connection.close()])
  return told.flat()
}
