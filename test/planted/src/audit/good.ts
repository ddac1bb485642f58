// accepted
import { sign } from '../identity/good.ts'
import { decide } from '../policy/decide/good.ts'

export const verify = `${sign} ${decide({ limit: 1 }, 2)}`
