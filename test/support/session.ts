import { inject } from 'vitest'
import { openSession } from '../../src/cli/open-session.ts'
import type { Session } from '../../src/cli/session.ts'

/** What a command works with, on the servers of the tests. */
export async function inSession<T>(taskQueue: string, work: (session: Session) => Promise<T>): Promise<T> {
  const place = { address: inject('temporalAddress'), namespace: 'default', options: {}, from: 'a test', uiUrl: null }
  const session = await openSession(place, { stateDir: '.countersign', taskQueue })
  try {
    return await work(session)
  } finally {
    await session.connection.close()
  }
}
