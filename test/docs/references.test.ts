import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'

/** What the documents name in this repository has to be there: files, headings, tests, functions, commands, options. */
const root = join(import.meta.dirname, '..', '..')
const pages = [
  'README.md',
  'AGENTS.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found = '']) => found)

const withoutBlocks = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '')
const headings = (text: string): string[] =>
  all(withoutBlocks(text), /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

const PATH = /`((?:src|test|workflows|activities|scripts|docs|bench)\/[\w./-]+)`/g
const TITLED = /`(test\/[\w./-]+\.test\.ts)` “([^”]+)”/g
/** A row of a table that names a file and some of its functions. */
const FUNCTIONS = /^\| `((?:src|workflows|activities)\/[\w./-]+\.ts)` \| ((?:`#?\w+`(?:, )?)+) \|/gm

const COMMANDS = readdirSync(join(root, 'src/cli/commands')).map((name) => name.replace('.ts', ''))
const CLI = readdirSync(join(root, 'src/cli'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(join('src/cli', name)))
  .join('\n')
/** Lines of code blocks and code in a line. */
const codeIn = (text: string): string[] => [
  ...all(text, /^```\w*\n([\s\S]*?)^```/gm).flatMap((block) => block.replaceAll('\\\n', ' ').split('\n')),
  ...all(withoutBlocks(text), /`([^`\n]+)`/g),
]
const commandsIn = (text: string): string[] =>
  codeIn(text).flatMap((line) => all(line, /^(?:npx )?countersign ((?:[a-z]|--?[a-z]).*)$/g))

const isBroken = (page: string, link: string): boolean => {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? join(root, page) : resolve(root, dirname(page), path)
  if (!existsSync(target)) return true
  return anchor !== undefined && !headings(readFileSync(target, 'utf8')).includes(anchor)
}

const isUnknown = (line: string): boolean => {
  const [command = '', ...rest] = line.split(' ')
  if (command.startsWith('-')) return !['--help', '--version'].includes(command)
  const options = rest.map((word) => /^--[a-z-]+/.exec(word)?.[0]).filter((option) => option !== undefined)
  return !COMMANDS.includes(command) || options.some((option) => !CLI.includes(option))
}

test.each(pages)('%s names only what there is', (page) => {
  const text = read(page)
  const links = all(withoutBlocks(text), /\]\(([^)\s]+)\)/g).filter((link) => !link.startsWith('http'))
  expect({
    links: links.filter((link) => isBroken(page, link)),
    files: all(text, PATH).filter((path) => !existsSync(join(root, path))),
    tests: [...text.matchAll(TITLED)].flatMap(([, path = '', title = '']) => (read(path).includes(title) ? [] : title)),
    functions: [...text.matchAll(FUNCTIONS)].flatMap(([, path = '', names = '']) =>
      all(names, /`(#?\w+)`/g).filter((name) => !new RegExp(`${name}\\b`).test(read(path))),
    ),
    commands: commandsIn(text).filter(isUnknown),
  }).toEqual({ links: [], files: [], tests: [], functions: [], commands: [] })
})

test('what is looked for is found at all', () => {
  const text = pages.map(read).join('\n')
  const found = [PATH, TITLED, FUNCTIONS].map((pattern) => all(text, pattern).length)
  expect(Math.min(...found, commandsIn(text).length)).toBeGreaterThan(10)
})
