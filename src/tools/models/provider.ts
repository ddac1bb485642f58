import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI, type OpenAIProvider } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { ModelConfig } from './config.ts'

/** A model as the AI SDK speaks to it. */
type Model = ReturnType<OpenAIProvider['responses']>

/** The model of a configuration, over a way to the network. Retries are the caller's: the clients make none here. */
export function modelOf(
  { provider, endpoint, model }: ModelConfig,
  apiKey: string | undefined,
  fetch: typeof globalThis.fetch,
): Model {
  const key = apiKey === undefined ? {} : { apiKey }
  switch (provider) {
    case 'openai':
      return createOpenAI({ baseURL: endpoint, fetch, ...key }).responses(model)
    case 'anthropic':
      return createAnthropic({ baseURL: endpoint, fetch, ...key }).messages(model)
    case 'compatible':
      return createOpenAICompatible({
        name: provider,
        baseURL: endpoint,
        fetch,
        ...key,
        supportsStructuredOutputs: true,
      })(model)
  }
}
