import { describe, expect, test } from 'vitest'
import { useOffice } from './office.ts'
import { tampersOf } from './tampers.ts'
import { sceneOf, TARGETS } from './targets.ts'

/* What somebody sends who has no statement that says it. Each is refused with its code, has no effect and is on the record; what is right counts. */
const office = useOffice()

const CASES = TARGETS.flatMap((target) =>
  tampersOf(target).map(({ kind, what, code, make }) => ({
    target,
    code,
    make,
    with: what === undefined ? kind : `${kind} (${what})`,
  })),
)

describe.concurrent('a statement', () => {
  test.for(CASES)('to $target, $with: $code', async ({ target, code, make }) => {
    const scene = await sceneOf(office, target)
    expect(await scene.send(await make(scene, office))).toBe(code)
    await scene.expectNothing(code)
    await scene.expectRight()
  })
})
