// accepted
import { hostname } from 'node:os'
import { cents } from '../contract/good.ts'

export const row = cents(1) + hostname().length
