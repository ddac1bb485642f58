/** What a browser keeps of a site: enough of one to log in, fill in forms and follow where it is sent. */
export class Browser {
  readonly #cookies = new Map<string, string>()
  readonly #as: string

  /** Logs in as this person wherever it is asked. */
  constructor(as: string) {
    this.#as = as
  }

  async #fetch(url: string, form?: URLSearchParams): Promise<Response> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { Cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (name !== undefined && value !== undefined) this.#cookies.set(name, value)
    }
    return response
  }

  /**
   * Opens a page, says yes to whatever it asks, and goes on until there is nothing more to say: where it came to, and
   * what stands there. It does not leave the site: an address elsewhere is where it came to.
   */
  async sayYes(url: string): Promise<{ readonly url: string; readonly text: string }> {
    const { origin } = new URL(url)
    let at = url
    let form: URLSearchParams | undefined
    for (let steps = 0; steps < 30; steps++) {
      if (new URL(at).origin !== origin) return { url: at, text: '' }
      const response = await this.#fetch(at, form)
      form = undefined
      const location = response.headers.get('location')
      if (location !== null) {
        at = new URL(location, at).href
        continue
      }
      const text = await response.text()
      const found = formIn(text)
      if (found === undefined) return { url: at, text }
      at = new URL(found.action, at).href
      form = new URLSearchParams({ ...found.hidden, ...(found.isLogin ? { login: this.#as, password: 'any' } : {}) })
    }
    throw new Error(`there is no end of questions at ${url}`)
  }
}

const attribute = (tag: string, name: string): string | undefined => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]

/** The form of a page with what it sends by itself. */
function formIn(text: string) {
  const [whole = '', tag = ''] = /(<form\b[^>]*>)[\s\S]*?<\/form>/.exec(text) ?? []
  const action = attribute(tag, 'action')
  if (action === undefined) return undefined
  const inputs = [...whole.matchAll(/<input\b[^>]*>/g)].map(([input]) => input)
  const hidden = inputs.flatMap((input) => {
    const name = attribute(input, 'name')
    const value = attribute(input, 'value')
    return name === undefined || value === undefined ? [] : [[name, value] as const]
  })
  const isLogin = inputs.some((input) => attribute(input, 'name') === 'password')
  return { action: action.replaceAll('&amp;', '&'), hidden: Object.fromEntries(hidden), isLogin }
}
