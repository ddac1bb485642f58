// accepted
import { hostname } from 'node:os'
import { cents } from '../contract/good.ts'

export const sign = cents(2) + hostname().length
