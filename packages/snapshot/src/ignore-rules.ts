/** Never part of the code: made anew by whoever needs them, and large. */
const ALWAYS = ['.git/', '__pycache__/', '.venv/', 'venv/', 'node_modules/', '.DS_Store']

interface Rule {
  readonly pattern: RegExp
  readonly isNegated: boolean
  readonly onlyFolders: boolean
}

/**
 * Whether a path stays out, by the lines of a `.sweepignore`, which are those of a `.gitignore` (gitignore(5)): the last
 * that matches decides, `!` takes back, a slash at the end means folders, one elsewhere ties it to the top, `**` crosses
 * folders.
 */
export function ignoreRules(text: string): (path: string, isFolder: boolean) => boolean {
  const rules = [...ALWAYS, ...text.split(/\r?\n/)].flatMap(readRule)
  return (path, isFolder) => {
    const rule = rules.findLast(({ pattern, onlyFolders }) => (isFolder || !onlyFolders) && pattern.test(path))
    return rule !== undefined && !rule.isNegated
  }
}

function readRule(line: string): Rule[] {
  // Spaces at the end count only behind a backslash.
  const text = line.replace(/(?<!\\)\s+$/, '')
  if (text === '' || text.startsWith('#')) return []
  const isNegated = text.startsWith('!')
  const glob = isNegated ? text.slice(1) : text
  const onlyFolders = glob.endsWith('/')
  const body = onlyFolders ? glob.slice(0, -1) : glob
  const isTied = body.includes('/')
  const source = globSource(body.replace(/^\//, ''))
  return source === undefined
    ? []
    : [{ pattern: new RegExp(`^${isTied ? '' : '(?:.*/)?'}${source}$`, 's'), isNegated, onlyFolders }]
}

/** Undefined for a pattern that no path can match, such as one with a bracket that is never closed. */
function globSource(glob: string): string | undefined {
  let source = ''
  for (let rest = glob; rest !== ''; ) {
    const [token = ''] = /^(\*\*\/|\/\*\*$|\*+|\?|\[!?\]?[^\]]*\]|\\.|.)/s.exec(rest) ?? []
    rest = rest.slice(token.length)
    if (token === '**/') source += '(?:.*/)?'
    else if (token === '/**') source += '/.*'
    else if (token.startsWith('*')) source += '[^/]*'
    else if (token === '?') source += '[^/]'
    else if (token.length > 2) source += token.replace(/^\[!/, '[^').replaceAll('\\', '\\\\')
    else if (token === '[') return undefined
    else source += escaped(token.length === 2 ? token.slice(1) : token)
  }
  try {
    new RegExp(source)
    return source
  } catch {
    return undefined
  }
}

function escaped(character: string): string {
  return /[\\^$.*+?()[\]{}|]/.test(character) ? `\\${character}` : character
}
