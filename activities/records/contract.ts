import { z } from 'zod'

/** `tkt_1001`: a ticket, in the helpdesk and wherever else it is named. */
export const ticketId = z.string().regex(/^tkt_[a-z0-9]{1,40}$/, 'must look like `tkt_1001`')
