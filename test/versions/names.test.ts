import { describe, expect, test } from 'vitest'
import { whyNewRunsWait } from '../../src/cli/task-queue.ts'
import { deploymentOf, isDeploymentName, versionIn } from '../../src/contract/version.ts'
import { createWorker, type WorkerSettings } from '../../src/worker/worker.ts'

test('the deployment of a worker that names none is its task queue, as Temporal takes it', () => {
  expect(deploymentOf('countersign')).toBe('countersign')
  expect(deploymentOf('eu.refunds:2 b')).toBe('eu-refunds-2-b')
  for (const queue of ['eu.refunds:2 b', "o'hara", 'ü'.repeat(300)])
    expect(isDeploymentName(deploymentOf(queue))).toBe(true)
})

test.each(['', 'a.b', 'a:b', 'a b', "a'b", '__reserved', 'x'.repeat(201)])(
  '`%s` names no deployment, and no worker',
  async (name) => {
    expect(isDeploymentName(name)).toBe(false)
    const settings = { deployment: name } as WorkerSettings
    await expect(createWorker(settings)).rejects.toThrow(`a deployment cannot be named \`${name}\``)
  },
)

test('a version is read as Temporal writes it, whatever the build id holds', () => {
  expect(versionIn('refunds:0.1.0-ab:c')).toEqual({ deployment: 'refunds', buildId: '0.1.0-ab:c' })
  for (const text of ['', 'refunds', ':0.1.0-ab']) expect(versionIn(text)).toBeUndefined()
})

describe('a new run waits', () => {
  const one = { deployment: 'refunds', buildId: 'one' }
  const other = { deployment: 'refunds', buildId: 'other' }
  const polls = (version: typeof one | null) => ({ version, lastPoll: new Date(0) })
  const queue = { name: 'refunds', current: null, ramping: null, pollers: [] }

  test('where nobody listens, where nothing is current, and where no worker of the current version listens', () => {
    expect(whyNewRunsWait(queue)).toContain('No worker listens on the task queue `refunds` now')
    expect(whyNewRunsWait({ ...queue, pollers: [polls(one)] })).toContain(
      'No version of the workers on `refunds` is current',
    )
    expect(whyNewRunsWait({ ...queue, current: one, pollers: [polls(other)] })).toContain(
      'No worker of the current version one listens on `refunds` now',
    )
  })

  test('and does not where a worker of the current or the ramping version listens, or one without versions', () => {
    expect(whyNewRunsWait({ ...queue, current: one, pollers: [polls(other), polls(one)] })).toBeUndefined()
    expect(whyNewRunsWait({ ...queue, current: one, ramping: other, pollers: [polls(other)] })).toBeUndefined()
    expect(whyNewRunsWait({ ...queue, pollers: [polls(null)] })).toBeUndefined()
  })
})
