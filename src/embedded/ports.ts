import { connect, createServer } from 'node:net'
import getPort from 'get-port'

/** The address that every embedded server listens on, and the only one. */
export const LOOPBACK = '127.0.0.1'

/**
 * A port of 127.0.0.1 that is free now: `preferred` when that is free (a remembered port keeps links alive), else one
 * that the system picks and this process does not hand out again. Another process can still take it before it is
 * bound, so a caller that loses it asks again.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await canBind(preferred))) return preferred
  return await getPort({ host: LOOPBACK, reserve: true })
}

/** get-port would not give a port twice to one process, and a restart wants just that. */
async function canBind(port: number): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ host: LOOPBACK, port }, () => probe.close(() => resolve(true)))
  })
}

/** Whether something accepts TCP connections on that port of 127.0.0.1. Never fails. */
export async function isListening(port: number): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const socket = connect({ host: LOOPBACK, port, timeout: 1000 })
    const answer = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('timeout', () => answer(false))
  })
}

/** Whether a server's last words say that its port was taken, in the wording of Go, PostgreSQL or Windows. */
export function saysPortTaken(output: string): boolean {
  return /address already in use|could not bind|only one usage of each socket address/iu.test(output)
}
