// accepted
import { z } from 'zod'
import { cents } from '../../src/contract/good.ts'

export const chargeInput = z.object({ amount: z.int() })
export const charge = cents(1)
