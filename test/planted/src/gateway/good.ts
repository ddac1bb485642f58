// accepted
import { Hono } from 'hono'
import { jwtVerify } from 'jose'
import { sign } from '../identity/good.ts'
import { row } from '../ledger/good.ts'

export const app = new Hono().get('/', (context) => context.json({ sign, row }))
export const verify = jwtVerify
