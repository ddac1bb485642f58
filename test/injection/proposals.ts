/** A call as the model proposes it. */
export const call = (tool: string, input: object | string, summary = 'as I was told'): object => ({
  tool,
  input: typeof input === 'string' ? input : JSON.stringify(input),
  summary,
})

export const done = (summary = 'all is settled'): object => ({ tool: null, input: '{}', summary })

export const refund = (cents: number, reason = 'it arrived broken', more: object = {}): object =>
  call('billing.refund', { amount: { currency: 'USD', cents }, reason, ...more })

export const reply = (body: string, more: object = {}): object => call('helpdesk.reply', { body, ...more })

export const look = (trackingNumber: string): object => call('shipping.getParcel', { trackingNumber })
