import { z } from 'zod'
import { type Digest, digestOf } from './digest.ts'
import type { JsonObject } from './json.ts'
import type { Thought } from './tool.ts'

/** Which prompt got an answer: it stands in the history beside the answer. */
export interface PromptRecord {
  /** The version of the thought. */
  readonly version: number
  /** What `templateDigestOf` says of the thought: the same for every input. */
  readonly template: Digest
  /** Digest of `{instructions, prompt, schema}` as they were sent with the call that got the answer. */
  readonly asked: Digest
  /**
   * What was wrong with a first answer, as the model was told at the end of its instructions; `null`: the first
   * answer was in the agreed form.
   */
  readonly repaired: string | null
}

/**
 * The form in which a model has to answer a thought: JSON Schema, draft 7, objects closed unless the contract opens
 * them. Throws when no JSON Schema says what the contract does, as with a date.
 */
export function outputSchemaOf(thought: Thought): JsonObject {
  const { $schema: _, ...schema } = z.toJSONSchema(thought.output, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.type === 'object') jsonSchema.additionalProperties ??= false
    },
  })
  return schema as JsonObject
}

/** Digest of what a thought tells every model: name, version, instructions and output schema. */
export const templateDigestOf = (thought: Thought): Digest =>
  digestOf({
    name: thought.name,
    version: thought.version,
    instructions: thought.instructions,
    schema: outputSchemaOf(thought),
  })
