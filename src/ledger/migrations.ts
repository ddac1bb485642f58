import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { LedgerDatabase } from './database.ts'

/** Run in the order of their names. One that was released is never changed. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001_ledger': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.policies (
          digest text PRIMARY KEY CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
          workflow text NOT NULL,
          text text NOT NULL,
          added_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.runs (
          run_key text PRIMARY KEY,
          workflow_id text NOT NULL,
          workflow_type text NOT NULL,
          policy_digest text NOT NULL REFERENCES countersign.policies,
          principal jsonb NOT NULL,
          request_digest text NOT NULL,
          kernel_version text NOT NULL,
          build_id text NOT NULL,
          opened_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.effects (
          run_key text NOT NULL REFERENCES countersign.runs,
          step text NOT NULL,
          tool text NOT NULL,
          state text NOT NULL CHECK (state IN ('claimed', 'done', 'unknown', 'undone', 'barred')),
          input jsonb NOT NULL,
          input_digest text NOT NULL,
          action_digest text,
          result jsonb,
          fence integer NOT NULL DEFAULT 1,
          lease_until timestamptz,
          undo_text text,
          claimed_at timestamptz NOT NULL DEFAULT now(),
          done_at timestamptz,
          undone_at timestamptz,
          PRIMARY KEY (run_key, step)
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.keys (
          key_id text PRIMARY KEY,
          public_key text NOT NULL,
          added_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
    },
  },
  '0002_business_key': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`ALTER TABLE countersign.runs ADD COLUMN business_key text`.execute(db)
      await sql`ALTER TABLE countersign.effects ADD COLUMN business_key text`.execute(db)
      // What stands of a case, and each step of it once, whichever run does it.
      await sql`
        CREATE UNIQUE INDEX effects_standing ON countersign.effects (business_key, step)
          WHERE state IN ('claimed', 'done', 'unknown')`.execute(db)
    },
  },
  '0003_model_calls': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.model_calls (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          run_key text NOT NULL REFERENCES countersign.runs,
          run_id text NOT NULL,
          step text NOT NULL,
          attempt integer NOT NULL,
          call integer NOT NULL,
          what text NOT NULL,
          reserved_micro_usd bigint NOT NULL CHECK (reserved_micro_usd >= 0),
          micro_usd bigint CHECK (micro_usd >= 0),
          input_tokens bigint CHECK (input_tokens >= 0),
          output_tokens bigint CHECK (output_tokens >= 0),
          reserved_at timestamptz NOT NULL DEFAULT now(),
          settled_at timestamptz,
          CHECK (num_nulls(micro_usd, input_tokens, output_tokens, settled_at) IN (0, 4))
        )`.execute(db)
      await sql`CREATE INDEX model_calls_of_run ON countersign.model_calls (run_key)`.execute(db)
    },
  },
  '0004_effect_states': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`ALTER TABLE countersign.effects ADD COLUMN sent_at timestamptz`.execute(db)
      await sql`
        ALTER TABLE countersign.effects
          DROP CONSTRAINT effects_state_check,
          ADD CHECK (state IN ('claimed', 'sent', 'done', 'unknown', 'failed', 'undone', 'barred'))`.execute(db)
      // What was claimed before this version may have been sent.
      await sql`UPDATE countersign.effects SET sent_at = claimed_at WHERE state IN ('claimed', 'unknown')`.execute(db)
      await sql`
        CREATE UNIQUE INDEX effects_standing_sent ON countersign.effects (business_key, step)
          WHERE state IN ('claimed', 'sent', 'done', 'unknown')`.execute(db)
      await sql`DROP INDEX countersign.effects_standing`.execute(db)
    },
  },
  '0005_stops': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.stops (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          scope text NOT NULL CHECK (scope IN ('run', 'tool', 'playbook', 'workspace')),
          name text NOT NULL,
          reason text NOT NULL,
          stopped_by text NOT NULL,
          stopped_at timestamptz NOT NULL DEFAULT now(),
          lifted_by text,
          lift_reason text,
          lifted_at timestamptz,
          CHECK (num_nulls(lifted_by, lift_reason, lifted_at) IN (0, 3))
        )`.execute(db)
      // What is asked before every effect, and one stop for each thing at a time.
      await sql`
        CREATE UNIQUE INDEX stops_in_force ON countersign.stops (scope, name) WHERE lifted_at IS NULL`.execute(db)
    },
  },
  '0006_blobs': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.blobs (
          digest text PRIMARY KEY CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
          content bytea NOT NULL,
          added_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
    },
  },
  '0007_unsettled_effects': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Few at any time, and counted at every scrape of the metrics. A claim within a transaction has no lease.
      await sql`
        CREATE INDEX effects_unsettled ON countersign.effects (state, lease_until)
          WHERE state = 'unknown' OR (state IN ('claimed', 'sent') AND lease_until IS NOT NULL)`.execute(db)
    },
  },
  '0008_candidate_policies': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`ALTER TABLE countersign.runs ADD COLUMN candidate_digest text`.execute(db)
    },
  },
  '0009_counts': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.counts (
          run_key text NOT NULL,
          step text NOT NULL,
          counted text NOT NULL CHECK (counted ~ '^sha256:[0-9a-f]{64}$'),
          cents bigint CHECK (cents >= 0),
          counted_at timestamptz NOT NULL,
          PRIMARY KEY (run_key, step, counted),
          FOREIGN KEY (run_key, step) REFERENCES countersign.effects
        )`.execute(db)
      // What is asked before each effect that a limit speaks of: one subject, the newest of it.
      await sql`CREATE INDEX counts_within ON countersign.counts (counted, counted_at)`.execute(db)
    },
  },
  '0010_statements': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.issuer_keys (
          key_id text PRIMARY KEY,
          public_key text NOT NULL,
          issuer text NOT NULL,
          development boolean NOT NULL,
          valid_from timestamptz NOT NULL DEFAULT now(),
          valid_to timestamptz,
          revoked_at timestamptz,
          compromised_at timestamptz,
          CHECK (compromised_at IS NULL OR revoked_at IS NOT NULL)
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.statements (
          nonce text PRIMARY KEY,
          digest text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
          about text NOT NULL CHECK (about IN ('start', 'decide', 'undo', 'resolve', 'stop', 'resume')),
          run_key text,
          subject text NOT NULL,
          issuer text NOT NULL,
          used_at timestamptz NOT NULL DEFAULT now(),
          CHECK (run_key IS NOT NULL OR about IN ('stop', 'resume'))
        )`.execute(db)
      await sql`CREATE INDEX statements_of_run ON countersign.statements (run_key)`.execute(db)
      // What the gateway was asked for: what it refused, too. No token, and no text of a person but names.
      await sql`
        CREATE TABLE countersign.attempts (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          at timestamptz NOT NULL DEFAULT now(),
          source text NOT NULL,
          code text,
          reason text,
          issuer text,
          subject text,
          workspace text,
          about jsonb,
          nonce text,
          key_id text,
          CHECK (num_nulls(code, reason) IN (0, 2)),
          CHECK (num_nulls(nonce, key_id) IN (0, 2)),
          CHECK ((code IS NULL) = (nonce IS NOT NULL))
        )`.execute(db)
      await sql`CREATE INDEX attempts_at ON countersign.attempts (at)`.execute(db)
    },
  },
  '0011_people': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Who started a run, and who stopped something or let it go on, in his own signed words.
      await sql`ALTER TABLE countersign.runs ADD COLUMN statement jsonb`.execute(db)
      await sql`ALTER TABLE countersign.stops ADD COLUMN statement jsonb, ADD COLUMN lift_statement jsonb`.execute(db)
      await sql`
        CREATE TABLE countersign.refused_stops (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          at timestamptz NOT NULL DEFAULT now(),
          kind text NOT NULL CHECK (kind IN ('stop', 'resume')),
          scope text NOT NULL,
          name text NOT NULL,
          reason text NOT NULL,
          subject text,
          code text NOT NULL,
          message text NOT NULL
        )`.execute(db)
      await sql`ALTER TABLE countersign.statements DROP CONSTRAINT statements_about_check`.execute(db)
      await sql`ALTER TABLE countersign.statements DROP CONSTRAINT statements_check`.execute(db)
      await sql`ALTER TABLE countersign.statements ADD CONSTRAINT statements_about_check
        CHECK (about IN ('start', 'decide', 'undo', 'resolve', 'stop', 'resume', 'delegate'))`.execute(db)
      await sql`ALTER TABLE countersign.statements ADD CONSTRAINT statements_check
        CHECK (run_key IS NOT NULL OR about IN ('stop', 'resume', 'delegate'))`.execute(db)
      // What the gateway saw last of somebody: what a statement says of him may be out of date.
      await sql`
        CREATE TABLE countersign.people (
          person text NOT NULL,
          issuer text NOT NULL,
          subject text NOT NULL,
          groups jsonb NOT NULL,
          workspaces jsonb NOT NULL,
          token_at timestamptz NOT NULL,
          seen_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (person, issuer)
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.withdrawals (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          person text NOT NULL,
          subject text NOT NULL,
          group_name text,
          reason text NOT NULL,
          withdrawn_at timestamptz NOT NULL DEFAULT now(),
          lifted_at timestamptz
        )`.execute(db)
      await sql`CREATE INDEX withdrawals_of ON countersign.withdrawals (person) WHERE lifted_at IS NULL`.execute(db)
      await sql`
        CREATE TABLE countersign.delegations (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          nonce text NOT NULL UNIQUE,
          from_person text NOT NULL,
          from_subject text NOT NULL,
          from_issuer text NOT NULL,
          to_person text NOT NULL,
          to_subject text NOT NULL,
          group_name text NOT NULL,
          workspace text NOT NULL,
          until timestamptz NOT NULL,
          statement jsonb NOT NULL,
          made_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`CREATE INDEX delegations_to ON countersign.delegations (to_person, workspace)`.execute(db)
    },
  },
  '0012_notifications': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.notifications (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          run_key text NOT NULL,
          step text NOT NULL,
          action_digest text NOT NULL,
          asked_at timestamptz NOT NULL,
          channel text NOT NULL,
          kind text NOT NULL,
          notice jsonb NOT NULL,
          state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed', 'dropped')),
          attempts integer NOT NULL DEFAULT 0,
          due_at timestamptz NOT NULL,
          next_at timestamptz NOT NULL,
          settled_at timestamptz,
          last_error text,
          UNIQUE (run_key, step, action_digest, asked_at, channel, kind)
        )`.execute(db)
      await sql`CREATE INDEX notifications_due ON countersign.notifications (next_at) WHERE state = 'waiting'`.execute(
        db,
      )
    },
  },
  '0013_withdrawn_by': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Empty: of before it was asked.
      await sql`ALTER TABLE countersign.withdrawals ADD COLUMN withdrawn_by text, ADD COLUMN lifted_by text`.execute(db)
    },
  },
  '0014_known_of': {
    async up(db: Kysely<unknown>): Promise<void> {
      // What `knownOf` answers. In this language a connection plans a query once.
      await sql`
        CREATE FUNCTION countersign.known_of(
          of_nonce text, of_digest text, of_run_key text, of_person text, of_issuer text, of_workspace text, since timestamptz
        ) RETURNS jsonb LANGUAGE plpgsql STABLE AS $known$
        BEGIN
          RETURN jsonb_build_object(
            'usedAt', (
              SELECT used_at FROM countersign.statements
              WHERE nonce = of_nonce AND digest = of_digest AND run_key = of_run_key
            ),
            'seen', (
              SELECT jsonb_build_object('groups', groups, 'workspaces', workspaces) FROM countersign.people
              WHERE person = of_person AND issuer = of_issuer AND seen_at > since
            ),
            'offered', (
              SELECT coalesce(jsonb_agg(to_jsonb(newest)), '[]') FROM (
                SELECT DISTINCT ON (from_person, to_person, group_name, workspace) * FROM countersign.delegations
                WHERE to_person = of_person AND workspace = of_workspace
                ORDER BY from_person, to_person, group_name, workspace, id DESC
              ) AS newest
            ),
            'taken', (
              SELECT coalesce(jsonb_agg(jsonb_build_object('subject', subject, 'group', group_name) ORDER BY id), '[]')
              FROM countersign.withdrawals
              WHERE lifted_at IS NULL AND (person = of_person OR person IN (
                SELECT from_person FROM countersign.delegations WHERE to_person = of_person AND workspace = of_workspace
              ))
            )
          );
        END
        $known$`.execute(db)
    },
  },
  '0015_data_keys': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.data_keys (
          key_id text PRIMARY KEY,
          namespace text NOT NULL,
          workflow_id text,
          kind text NOT NULL CHECK (kind IN ('run', 'index')),
          master_key_id text NOT NULL,
          wrapped bytea,
          made_at timestamptz NOT NULL DEFAULT now(),
          adopted_at timestamptz,
          destroyed_at timestamptz,
          destroyed_why text,
          CHECK (num_nulls(destroyed_at, destroyed_why) IN (0, 2)),
          CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
          CHECK (adopted_at IS NULL OR workflow_id IS NOT NULL),
          CHECK (kind = 'run' OR workflow_id IS NULL)
        )`.execute(db)
      // One live key a workflow, besides those that it has adopted; one index key.
      await sql`CREATE UNIQUE INDEX data_keys_live ON countersign.data_keys (namespace, workflow_id)
        WHERE kind = 'run' AND destroyed_at IS NULL AND adopted_at IS NULL AND workflow_id IS NOT NULL`.execute(db)
      await sql`CREATE UNIQUE INDEX data_keys_index ON countersign.data_keys (kind)
        WHERE kind = 'index' AND destroyed_at IS NULL`.execute(db)
      await sql`CREATE INDEX data_keys_of ON countersign.data_keys (workflow_id, namespace)`.execute(db)
      await sql`CREATE INDEX data_keys_master ON countersign.data_keys (master_key_id) WHERE wrapped IS NOT NULL`.execute(
        db,
      )
      await sql`ALTER TABLE countersign.blobs ADD COLUMN key_id text`.execute(db)
    },
  },
  '0016_data_subjects': {
    async up(db: Kysely<unknown>): Promise<void> {
      // By keyed hash: nobody is named here.
      await sql`
        CREATE TABLE countersign.data_subjects (
          subject_hash text NOT NULL CHECK (subject_hash ~ '^[0-9a-f]{64}$'),
          namespace text NOT NULL,
          workflow_id text NOT NULL,
          run_key text NOT NULL,
          seen_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (subject_hash, workflow_id, run_key)
        )`.execute(db)
      await sql`CREATE INDEX data_subjects_of_run ON countersign.data_subjects (run_key)`.execute(db)
    },
  },
  '0017_erasure': {
    async up(db: Kysely<unknown>): Promise<void> {
      // Empty: of before it was kept; such a run is erased when somebody asks for it, and by no job.
      await sql`ALTER TABLE countersign.runs
        ADD COLUMN namespace text, ADD COLUMN retain_days integer, ADD COLUMN closed_at timestamptz,
        ADD COLUMN erased_at timestamptz`.execute(db)
      await sql`CREATE INDEX runs_of_workflow ON countersign.runs (workflow_id)`.execute(db)
      await sql`CREATE INDEX runs_of_case ON countersign.runs (business_key) WHERE business_key IS NOT NULL`.execute(db)
      await sql`CREATE INDEX runs_retained ON countersign.runs (opened_at)
        WHERE retain_days IS NOT NULL AND erased_at IS NULL`.execute(db)
      await sql`CREATE INDEX runs_erased ON countersign.runs (erased_at) WHERE erased_at IS NOT NULL`.execute(db)
      await sql`CREATE INDEX blobs_of_key ON countersign.blobs (key_id) WHERE key_id IS NOT NULL`.execute(db)
      // Bare digests make way for keyed ones.
      await sql`ALTER TABLE countersign.counts DROP CONSTRAINT counts_counted_check`.execute(db)
      await sql`ALTER TABLE countersign.counts ADD CONSTRAINT counts_counted_check
        CHECK (counted ~ '^(hmac-)?sha256:[0-9a-f]{64}$')`.execute(db)
      await sql`ALTER TABLE countersign.statements DROP CONSTRAINT statements_digest_check`.execute(db)
      await sql`ALTER TABLE countersign.statements ADD CONSTRAINT statements_digest_check
        CHECK (digest ~ '^(hmac-)?sha256:[0-9a-f]{64}$')`.execute(db)
      await sql`
        CREATE TABLE countersign.holds (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          scope text NOT NULL CHECK (scope IN ('subject', 'run', 'workspace')),
          name text NOT NULL,
          reason text NOT NULL,
          held_by text NOT NULL,
          held_at timestamptz NOT NULL DEFAULT now(),
          lifted_by text,
          lift_reason text,
          lifted_at timestamptz,
          CHECK (num_nulls(lifted_by, lift_reason, lifted_at) IN (0, 3))
        )`.execute(db)
      await sql`CREATE UNIQUE INDEX holds_in_force ON countersign.holds (scope, name) WHERE lifted_at IS NULL`.execute(
        db,
      )
      await sql`
        CREATE TABLE countersign.erasures (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          subject_hash text NOT NULL,
          reason text NOT NULL,
          asked_by text NOT NULL,
          asked_at timestamptz NOT NULL DEFAULT now(),
          refused text,
          done_at timestamptz,
          CHECK (refused IS NULL OR done_at IS NULL)
        )`.execute(db)
      // What was begun goes on: one of a person at a time.
      await sql`CREATE UNIQUE INDEX erasures_open ON countersign.erasures (subject_hash)
        WHERE refused IS NULL AND done_at IS NULL`.execute(db)
      await sql`
        CREATE TABLE countersign.certificates (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          erasure_id bigint REFERENCES countersign.erasures,
          certificate jsonb NOT NULL,
          made_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.erased_runs (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          run_key text NOT NULL REFERENCES countersign.runs,
          namespace text NOT NULL,
          workflow_id text NOT NULL,
          erasure_id bigint REFERENCES countersign.erasures,
          certificate_id bigint REFERENCES countersign.certificates,
          did jsonb NOT NULL,
          erased_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`CREATE INDEX erased_runs_of ON countersign.erased_runs (run_key)`.execute(db)
      await sql`CREATE TABLE countersign.sweeps (name text PRIMARY KEY, began_at timestamptz NOT NULL)`.execute(db)
    },
  },
  '0018_codec_calls': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.codec_calls (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          at timestamptz NOT NULL DEFAULT now(),
          kind text NOT NULL CHECK (kind IN ('encode', 'decode', 'data_key')),
          source text NOT NULL,
          origin text,
          namespace text,
          code text,
          reason text,
          issuer text,
          subject text,
          payloads integer NOT NULL,
          passed integer NOT NULL,
          keys jsonb NOT NULL
        )`.execute(db)
      await sql`CREATE INDEX codec_calls_at ON countersign.codec_calls (at)`.execute(db)
      // Whose a key is that was made for somebody, as long as no run says so.
      await sql`
        CREATE TABLE countersign.key_holders (
          key_id text PRIMARY KEY,
          workspace text,
          subject text NOT NULL,
          issuer text NOT NULL,
          held_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
    },
  },
  '0019_transparency_log': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.log_leaves (
          index integer PRIMARY KEY CHECK (index >= 0),
          hash bytea NOT NULL CHECK (octet_length(hash) = 32),
          run_key text NOT NULL,
          state_digest text NOT NULL,
          envelope_digest text NOT NULL CHECK (envelope_digest ~ '^sha256:[0-9a-f]{64}$'),
          state text NOT NULL,
          before_index integer REFERENCES countersign.log_leaves,
          sealed_at timestamptz NOT NULL DEFAULT now(),
          UNIQUE (run_key, state_digest),
          CHECK (before_index < index)
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.log_tiles (
          level smallint NOT NULL CHECK (level > 0),
          index integer NOT NULL CHECK (index >= 0),
          hash bytea NOT NULL CHECK (octet_length(hash) = 32),
          PRIMARY KEY (level, index)
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.log_checkpoints (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          size integer NOT NULL,
          root bytea NOT NULL CHECK (octet_length(root) = 32),
          note text NOT NULL,
          signed_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.log_cosignatures (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          checkpoint_id bigint NOT NULL REFERENCES countersign.log_checkpoints,
          line text NOT NULL,
          signed_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`
        CREATE TABLE countersign.archive (
          index integer PRIMARY KEY REFERENCES countersign.log_leaves,
          bundle text NOT NULL
        )`.execute(db)
      await sql`CREATE INDEX log_checkpoints_size ON countersign.log_checkpoints (size)`.execute(db)
      await sql`CREATE INDEX log_cosignatures_of ON countersign.log_cosignatures (checkpoint_id)`.execute(db)
      await sql`
        CREATE FUNCTION countersign.append_only() RETURNS trigger LANGUAGE plpgsql AS $append$
        BEGIN
          RAISE EXCEPTION '% of %.% is refused: rows are only ever added', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
        END
        $append$`.execute(db)
      for (const name of ['log_leaves', 'log_tiles', 'log_checkpoints', 'log_cosignatures', 'archive']) {
        const table = sql.table(`countersign.${name}`)
        await sql`CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
          FOR EACH STATEMENT EXECUTE FUNCTION countersign.append_only()`.execute(db)
        // Also in a session that plays the changes of another database.
        await sql`ALTER TABLE ${table} ENABLE ALWAYS TRIGGER append_only`.execute(db)
      }
    },
  },
  '0020_outbox': {
    async up(db: Kysely<unknown>): Promise<void> {
      // What is to be exported, rendered once; a text that every sink has had is emptied in time, and its row stays.
      await sql`
        CREATE TABLE countersign.outbox (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          event_id text NOT NULL UNIQUE,
          run_key text NOT NULL,
          seq integer NOT NULL,
          target text NOT NULL,
          native text,
          ocsf text,
          type_uid integer NOT NULL,
          fingerprint text NOT NULL,
          added_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`CREATE INDEX outbox_run ON countersign.outbox (run_key, id)`.execute(db)
      await sql`CREATE INDEX outbox_target ON countersign.outbox (target, id)`.execute(db)
      await sql`CREATE INDEX outbox_full ON countersign.outbox (added_at) WHERE native IS NOT NULL`.execute(db)
      // How far each sink is, and who sends to it now.
      await sql`
        CREATE TABLE countersign.outbox_cursors (
          sink text PRIMARY KEY,
          targets text[] NOT NULL,
          last_id bigint NOT NULL DEFAULT 0,
          holder uuid,
          held_until timestamptz,
          attempts integer NOT NULL DEFAULT 0,
          refused_in_row integer NOT NULL DEFAULT 0,
          next_at timestamptz NOT NULL DEFAULT now(),
          last_error text,
          failing_since timestamptz,
          sent_at timestamptz
        )`.execute(db)
      // What a sink called malformed.
      await sql`
        CREATE TABLE countersign.outbox_refused (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          sink text NOT NULL,
          outbox_id bigint NOT NULL REFERENCES countersign.outbox (id),
          why text NOT NULL,
          state text NOT NULL DEFAULT 'refused' CHECK (state IN ('refused', 'again', 'sent')),
          refused_at timestamptz NOT NULL DEFAULT now(),
          UNIQUE (sink, outbox_id)
        )`.execute(db)
    },
  },
  '0021_sweep': {
    async up(db: Kysely<unknown>): Promise<void> {
      // What the sweep knows of each run: whether all of it that is over was sealed.
      await sql`
        CREATE TABLE countersign.sweep_runs (
          run_key text PRIMARY KEY,
          namespace text NOT NULL,
          workflow_id text NOT NULL,
          state text NOT NULL CHECK (state IN ('open', 'due', 'sealed', 'altered', 'gone', 'elsewhere')),
          seen integer NOT NULL DEFAULT 0,
          closed_at timestamptz,
          due_since timestamptz,
          leaf integer REFERENCES countersign.log_leaves,
          attempts integer NOT NULL DEFAULT 0,
          why text,
          next_at timestamptz NOT NULL DEFAULT now(),
          known_at timestamptz NOT NULL DEFAULT now()
        )`.execute(db)
      await sql`CREATE INDEX sweep_runs_next ON countersign.sweep_runs (namespace, next_at)
        WHERE state IN ('open', 'due', 'altered')`.execute(db)
      await sql`CREATE INDEX sweep_runs_trouble ON countersign.sweep_runs (namespace, state)
        WHERE state IN ('due', 'altered', 'gone')`.execute(db)
      // Closed executions that were seen: each makes its run due once.
      await sql`
        CREATE TABLE countersign.sweep_executions (
          run_id text PRIMARY KEY,
          run_key text NOT NULL,
          closed_at timestamptz NOT NULL
        )`.execute(db)
      await sql`CREATE INDEX sweep_executions_run ON countersign.sweep_executions (run_key)`.execute(db)
      // One row a namespace and task queue.
      await sql`
        CREATE TABLE countersign.sweep_marks (
          namespace text NOT NULL,
          task_queue text NOT NULL,
          first_at timestamptz NOT NULL DEFAULT now(),
          looked_to timestamptz,
          looked_at_all timestamptz,
          began_at timestamptz,
          ended_at timestamptz,
          sealed integer NOT NULL DEFAULT 0,
          failed integer NOT NULL DEFAULT 0,
          archive text,
          trouble text,
          PRIMARY KEY (namespace, task_queue)
        )`.execute(db)
      // What stands in blob stores, beside what the archive has.
      await sql`
        CREATE TABLE countersign.archive_copies (
          store text NOT NULL,
          index integer NOT NULL REFERENCES countersign.log_leaves,
          name text NOT NULL,
          sha256 text NOT NULL,
          copied_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (store, index)
        )`.execute(db)
      await sql`CREATE INDEX runs_opened ON countersign.runs (opened_at)`.execute(db)
    },
  },
  '0022_audit_index': {
    async up(db: Kysely<unknown>): Promise<void> {
      // What sealed runs are searched by. Derived from the archive, again whenever a row is missing or of an older `version`.
      await sql`
        CREATE TABLE countersign.audit_index (
          run_key text PRIMARY KEY,
          index integer NOT NULL REFERENCES countersign.log_leaves,
          version smallint NOT NULL,
          playbook text,
          workspace text,
          state text NOT NULL,
          began_at timestamptz NOT NULL,
          closed_at timestamptz,
          tools text[] NOT NULL,
          rules text[] NOT NULL,
          failures text[] NOT NULL,
          approvers text[] NOT NULL,
          amounts jsonb NOT NULL,
          veiled boolean NOT NULL,
          erased_at timestamptz
        )`.execute(db)
      await sql`CREATE INDEX audit_index_began ON countersign.audit_index (began_at DESC, run_key DESC)`.execute(db)
      for (const column of ['tools', 'rules', 'failures', 'approvers']) {
        await sql`CREATE INDEX ${sql.ref(`audit_index_${column}`)} ON countersign.audit_index
          USING gin (${sql.ref(column)})`.execute(db)
      }
    },
  },
  '0023_key_issues': {
    async up(db: Kysely<unknown>): Promise<void> {
      await sql`
        CREATE TABLE countersign.key_issues (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          at timestamptz NOT NULL DEFAULT now(),
          run_key text NOT NULL,
          key_ids text[] NOT NULL CHECK (cardinality(key_ids) > 0),
          reader text NOT NULL,
          reason text NOT NULL,
          issued_by text NOT NULL
        )`.execute(db)
      await sql`CREATE INDEX key_issues_run ON countersign.key_issues (run_key, id)`.execute(db)
      await sql`CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.key_issues
        FOR EACH STATEMENT EXECUTE FUNCTION countersign.append_only()`.execute(db)
      await sql`ALTER TABLE countersign.key_issues ENABLE ALWAYS TRIGGER append_only`.execute(db)
    },
  },
}

/** Brings the ledger's schema up to date; safe when several processes do it at once. */
export async function migrateLedger(db: LedgerDatabase): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
    migrationTableSchema: 'countersign',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw new Error('the ledger could not be migrated', { cause: error })
}

/** The migrations that were applied, in order; none where the ledger was never set up. */
export async function appliedMigrations(db: LedgerDatabase): Promise<readonly string[]> {
  const table = 'countersign.kysely_migration'
  const { rows: found } = await sql<{ there: boolean }>`SELECT to_regclass(${table}) IS NOT NULL AS there`.execute(db)
  if (found[0]?.there !== true) return []
  const { rows } = await sql<{ name: string }>`SELECT name FROM countersign.kysely_migration ORDER BY name`.execute(db)
  return rows.map(({ name }) => name)
}

/** The migrations that this code needs and that were not applied. One of a newer version may be there: they only add. */
export async function pendingMigrations(db: LedgerDatabase): Promise<readonly string[]> {
  const applied = new Set(await appliedMigrations(db))
  return Object.keys(migrations).filter((name) => !applied.has(name))
}
