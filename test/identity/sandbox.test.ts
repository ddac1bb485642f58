import { Client, Connection } from '@temporalio/client'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { statementDigestOf } from '../../src/contract/statement.ts'
import { signStatement } from '../../src/identity/statements.ts'
import { PAYLOAD_CONVERTER, PRELOADED } from '../../src/worker/bundle-files.ts'
import { keptIntrinsics } from '../../src/worker/kept-intrinsics.ts'
import { nativeClasses } from '../../src/worker/native-classes.ts'
import { ABOUTS, ben, KINDS, newKey, useOf } from './saying.ts'
import { type readAll, readOne } from './stating-workflow.ts'

test('the sandbox of workflows reads, digests and compares statements as a host does, twice in one worker', async () => {
  const { key } = newKey()
  const asked = KINDS.flatMap((said) => {
    const statement = signStatement(key, { about: ABOUTS[said], who: ben })
    const broken = [{ ...statement, admin: true }, { ...statement, issuedAt: 'now' }, { v: 1 }, null, said]
    return [
      ...KINDS.map((used) => ({ given: statement as unknown, use: useOf(ABOUTS[used]) })),
      ...broken.map((given) => ({ given, use: useOf(ABOUTS[said]) })),
    ]
  })
  const address = inject('temporalAddress')
  const taskQueue = `stating-${randomUUID()}`
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, 'stating-workflow.ts'),
    payloadConverterPath: PAYLOAD_CONVERTER,
    preloadModules: [...PRELOADED],
    webpackConfigHook: (config) => keptIntrinsics(nativeClasses(config)),
    logger: new DefaultLogger('ERROR'),
  })
  const connection = await NativeConnection.connect({ address })
  const dataConverter = { payloadConverterPath: PAYLOAD_CONVERTER }
  const worker = await Worker.create({ connection, taskQueue, workflowBundle, dataConverter })
  const client = new Client({ connection: await Connection.connect({ address }), dataConverter })
  const read = (number: number) =>
    client.workflow.execute<typeof readAll>('readAll', {
      taskQueue,
      workflowId: `${taskQueue}-${number}`,
      args: [asked],
    })
  const [first, second] = await worker.runUntil(async () => [await read(1), await read(2)] as const)
  await Promise.all([connection.close(), client.connection.close()])

  expect(first).toEqual(asked.map(({ given, use }) => readOne(given, use)))
  expect(second).toEqual(first)
  const statement = signStatement(key, { about: ABOUTS.undo, who: ben })
  expect(readOne(statement, useOf(ABOUTS.undo))).toEqual([statementDigestOf(statement), null])
})
