import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Migration, MigrationProvider } from 'kysely/migration'

// The composite foreign keys keep one currency from order to refund, and a ticket with its customer's order.
const TABLES = [
  sql`
    create table records.customers (
      id text primary key,
      name text not null,
      email text not null,
      tier text not null check (tier in ('standard', 'plus', 'enterprise'))
    )`,
  sql`
    create table records.orders (
      id text primary key,
      customer_id text not null references records.customers,
      currency text not null check (currency in ('USD', 'EUR', 'GBP')),
      total_cents integer not null check (total_cents >= 0),
      placed_at timestamptz not null,
      status text not null check (status in ('paid', 'shipped', 'delivered')),
      unique (id, customer_id),
      unique (id, currency)
    )`,
  sql`
    create table records.order_lines (
      order_id text not null references records.orders,
      position integer not null check (position > 0),
      sku text not null,
      title text not null,
      quantity integer not null check (quantity > 0),
      price_cents integer not null check (price_cents >= 0),
      primary key (order_id, position)
    )`,
  sql`
    create table records.parcels (
      tracking_number text primary key,
      order_id text not null references records.orders,
      carrier text not null,
      status text not null check (status in ('in_transit', 'delivered', 'lost')),
      updated_at timestamptz not null
    )`,
  sql`create index on records.parcels (order_id)`,
  sql`
    create table records.payments (
      id text primary key,
      order_id text not null unique,
      currency text not null,
      captured_cents integer not null check (captured_cents >= 0),
      refunded_cents integer not null default 0,
      version integer not null default 1,
      foreign key (order_id, currency) references records.orders (id, currency),
      unique (id, currency),
      constraint refunded_within_captured check (refunded_cents between 0 and captured_cents)
    )`,
  sql`create sequence records.refund_number start 100001`,
  sql`
    create table records.refunds (
      id text primary key default 'ref_' || nextval('records.refund_number'),
      payment_id text not null,
      currency text not null,
      amount_cents integer not null check (amount_cents > 0),
      reason text not null check (char_length(reason) between 1 and 500),
      status text not null default 'pending' check (status in ('pending', 'voided', 'settled')),
      settles_at timestamptz not null,
      idempotency_key text not null unique,
      created_at timestamptz not null default now(),
      foreign key (payment_id, currency) references records.payments (id, currency)
    )`,
  sql`create index on records.refunds (payment_id)`,
  sql`
    create table records.tickets (
      id text primary key,
      customer_id text not null,
      order_id text not null,
      subject text not null,
      status text not null check (status in ('open', 'closed')),
      foreign key (order_id, customer_id) references records.orders (id, customer_id)
    )`,
  sql`create sequence records.reply_number start 100001`,
  sql`
    create table records.replies (
      id text primary key default 'rep_' || nextval('records.reply_number'),
      ticket_id text not null references records.tickets,
      body text not null check (char_length(body) between 1 and 5000),
      retracted_at timestamptz,
      idempotency_key text not null unique,
      created_at timestamptz not null default now()
    )`,
  sql`create index on records.replies (ticket_id)`,
]

const INDEXES = [sql`create index on records.tickets (order_id)`]

const running = (statements: readonly RawBuilder<unknown>[]): Migration => ({
  async up(db: Kysely<unknown>) {
    for (const statement of statements) await statement.execute(db)
  },
})

/** By name, and run in the order of the names. One that was released is never changed. */
const MIGRATIONS: Record<string, Migration> = {
  '0001_systems_of_record': running(TABLES),
  '0002_tickets_of_an_order': running(INDEXES),
}

/** The migrations of the schema `records`. */
export const recordsMigrations: MigrationProvider = { getMigrations: () => Promise.resolve(MIGRATIONS) }
