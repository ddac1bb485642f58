// accepted
import { spawn } from 'node:child_process'
import { cents } from '../contract/good.ts'

export const server = { spawn, cents }
