import { type Kysely, sql } from 'kysely'
import { fail } from '../../src/contract/failures.ts'
import { implement, type ToolImplementation } from '../../src/tools/implementation.ts'
import { type RecordsTables, recordsOf } from '../records/tables.ts'
import { assertUnmoved } from '../records/unmoved.ts'
import { reply } from './contract.ts'

const tickets = (db: Kysely<RecordsTables>, ticketId: string) =>
  db.selectFrom('tickets').select('status').where('id', '=', ticketId)

async function assertOpen(query: ReturnType<typeof tickets>, ticketId: string): Promise<void> {
  const ticket = await query.executeTakeFirst()
  if (ticket === undefined) throw fail('not_found', `There is no ticket \`${ticketId}\`.`)
  if (ticket.status === 'open') return
  throw fail('precondition_failed', `Ticket \`${ticketId}\` is closed; open it again to answer.`)
}

/** An answer that somebody else gave in the meantime may make ours wrong. */
async function restsOn(db: Kysely<RecordsTables>, ticketId: string) {
  const { replies } = await db
    .selectFrom('replies')
    .select((of) => of.cast<number>(of.fn.countAll(), 'integer').as('replies'))
    .where('ticket_id', '=', ticketId)
    .executeTakeFirstOrThrow()
  return { replies }
}

/** The tickets in which customers are answered. */
export const helpdeskTools: readonly ToolImplementation[] = [
  implement(reply, {
    async preview({ ticketId, body }, call) {
      const db = recordsOf(call.db)
      await assertOpen(tickets(db, ticketId), ticketId)
      return {
        changes: [{ record: `ticket/${ticketId}`, field: 'reply', from: 'none', to: body }],
        expect: await restsOn(db, ticketId),
      }
    },

    async execute({ ticketId, body }, call) {
      const db = recordsOf(call.db)
      await assertOpen(tickets(db, ticketId).forUpdate(), ticketId)
      assertUnmoved(`ticket/${ticketId}`, call.expect, await restsOn(db, ticketId))
      const { id } = await db
        .insertInto('replies')
        .values({ ticket_id: ticketId, body, idempotency_key: call.idempotencyKey })
        .returning('id')
        .executeTakeFirstOrThrow()
      return { replyId: id, ticketId }
    },

    async undo({ ticketId }, { replyId }, call) {
      const db = recordsOf(call.db)
      const sent = await db
        .selectFrom('replies')
        .select(['body', 'retracted_at'])
        .where('id', '=', replyId)
        .where('ticket_id', '=', ticketId)
        .forUpdate()
        .executeTakeFirst()
      if (sent === undefined) throw fail('not_found', `There is no reply \`${replyId}\` in ticket \`${ticketId}\`.`)
      if (sent.retracted_at !== null) return `reply ${replyId} was retracted before`

      await db
        .updateTable('replies')
        .set({ retracted_at: sql<Date>`now()` })
        .where('id', '=', replyId)
        .executeTakeFirstOrThrow()
      // In a closed ticket, too: the customer has read what no longer holds.
      await db
        .insertInto('replies')
        .values({
          ticket_id: ticketId,
          body: `Our last message no longer holds: “${sent.body}”`,
          idempotency_key: call.idempotencyKey,
        })
        .executeTakeFirstOrThrow()
      return `retracted reply ${replyId} and told the customer so in ticket ${ticketId}`
    },
  }),
]
