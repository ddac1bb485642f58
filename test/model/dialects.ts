import type { Usage } from '../../src/contract/calls.ts'
import type { Provider } from '../../src/tools/models/config.ts'
import { json, type Recorded, type Scripted } from './endpoint-server.ts'

/** What an answer says it used; `null`: nothing is said. */
type Said = { readonly input?: unknown; readonly output?: unknown } | null

const USED: Said = { input: 1234, output: 57 }

/** How a provider is asked and answers, as seen from its server. */
export interface Dialect {
  readonly provider: Provider
  readonly model: string
  readonly path: string
  /** The key as the request carries it. */
  keyIn(request: Recorded): unknown
  /** What the request asks, in words that all providers share. */
  questionIn(request: Recorded): Readonly<Record<string, unknown>>
  /** A whole answer with a text. Default usage: 1234 tokens in, 57 out. */
  says(text: string, used?: Said): Scripted
  /** An answer that reached the most that the model may write. */
  cutOff(text: string): Scripted
  declines: Scripted
}

interface ChatBody {
  readonly messages: readonly { readonly content: string }[]
  readonly response_format: { readonly json_schema: { readonly schema: unknown; readonly strict: boolean } }
}

const chat = (message: object, used: Said, finish = 'stop') =>
  json({
    id: 'chat-1',
    object: 'chat.completion',
    created: 0,
    model: 'whatever-it-calls-itself',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
    ...(used === null ? {} : { usage: { prompt_tokens: used.input, completion_tokens: used.output } }),
  })

const compatible = {
  provider: 'compatible',
  model: 'small-1',
  path: '/v1/chat/completions',
  keyIn: ({ headers }) => headers.authorization?.replace('Bearer ', ''),
  questionIn: ({ body }) => {
    const { messages, response_format: format } = body as unknown as ChatBody
    return {
      model: body['model'],
      instructions: messages[0]?.content,
      prompt: messages[1]?.content,
      schema: format.json_schema.schema,
      maxTokens: body['max_tokens'],
      temperature: body['temperature'],
    }
  },
  says: (text, used = USED) => chat({ content: text }, used),
  cutOff: (text) => chat({ content: text }, USED, 'length'),
  declines: chat({ content: null, refusal: 'I will not, PRIVATE-WORD' }, USED),
  filtered: chat({ content: '' }, USED, 'content_filter'),
} satisfies Dialect & { readonly filtered: Scripted }

interface ResponsesBody {
  readonly input: readonly { readonly content: unknown }[]
  readonly text: { readonly format: { readonly schema: unknown } }
  readonly store: boolean
}

const response = (content: object, used: Said, more: object = {}) =>
  json({
    id: 'resp_1',
    object: 'response',
    created_at: 0,
    status: 'completed',
    model: 'whatever-it-calls-itself',
    output: [{ type: 'message', role: 'assistant', id: 'msg_1', content: [content] }],
    ...(used === null ? {} : { usage: { input_tokens: used.input, output_tokens: used.output } }),
    ...more,
  })

const outputText = (text: string) => ({ type: 'output_text', text, annotations: [] })

const openai: Dialect = {
  provider: 'openai',
  model: 'gpt-4.1-mini',
  path: '/v1/responses',
  keyIn: ({ headers }) => headers.authorization?.replace('Bearer ', ''),
  questionIn: ({ body }) => {
    const { input, text } = body as unknown as ResponsesBody
    return {
      model: body['model'],
      instructions: input[0]?.content,
      prompt: (input[1]?.content as readonly { readonly text: string }[] | undefined)?.[0]?.text,
      schema: text.format.schema,
      maxTokens: body['max_output_tokens'],
      temperature: body['temperature'],
    }
  },
  says: (text, used = USED) => response(outputText(text), used),
  cutOff: (text) =>
    response(outputText(text), USED, { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }),
  declines: response({ type: 'refusal', refusal: 'I will not, PRIVATE-WORD' }, USED),
}

interface MessagesBody {
  readonly system: readonly { readonly text: string }[]
  readonly messages: readonly { readonly content: readonly { readonly text: string }[] }[]
  readonly output_config?: { readonly format: { readonly schema: unknown } }
  readonly tools?: readonly { readonly input_schema: unknown }[]
}

const message = (content: readonly object[], used: Said, stop = 'end_turn') =>
  json({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'whatever-it-calls-itself',
    content,
    stop_reason: stop,
    stop_sequence: null,
    ...(used === null ? {} : { usage: { input_tokens: used.input, output_tokens: used.output } }),
  })

const textPart = (text: string) => ({ type: 'text', text })

const anthropic: Dialect = {
  provider: 'anthropic',
  model: 'claude-haiku-4-5',
  path: '/v1/messages',
  keyIn: ({ headers }) => headers['x-api-key'],
  questionIn: ({ body }) => {
    const { system, messages, output_config: config, tools } = body as unknown as MessagesBody
    return {
      model: body['model'],
      instructions: system[0]?.text,
      prompt: messages[0]?.content[0]?.text,
      schema: config?.format.schema ?? tools?.[0]?.input_schema,
      maxTokens: body['max_tokens'],
      temperature: body['temperature'],
    }
  },
  says: (text, used = USED) => message([textPart(text)], used),
  cutOff: (text) => message([textPart(text)], USED, 'max_tokens'),
  declines: message([textPart('I will not, PRIVATE-WORD')], USED, 'refusal'),
}

/** An Anthropic model of before structured outputs: it is given a tool to answer with. */
export const anthropicTool: Dialect = {
  ...anthropic,
  model: 'claude-sonnet-4-20250514',
  says: (text, used = USED) =>
    message([{ type: 'tool_use', id: 'toolu_1', name: 'json', input: JSON.parse(text) }], used, 'tool_use'),
}

export const DIALECTS = { openai, anthropic, compatible } as const satisfies Record<Provider, Dialect>
export const EVERY = Object.values(DIALECTS)

/** What 1234 tokens in and 57 out cost at $0.15 and $0.60 for a million: 219.3 micro-dollars. */
export const SPENT: Usage = { inputTokens: 1234, outputTokens: 57, microUsd: 220 }
export const SPENT_TWICE: Usage = { inputTokens: 2468, outputTokens: 114, microUsd: 440 }
