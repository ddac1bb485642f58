// accepted
import { start } from '../client/good.ts'
import { server } from '../embedded/good.ts'
import { host } from '../worker/good.ts'

export function main(): void {
  console.log(start, host, server)
}
