import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

export type Resolved =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'missing'; readonly message: string }

function isProgram(path: string): 'yes' | 'no' | 'not-executable' | 'folder' {
  try {
    if (statSync(path).isDirectory()) return 'folder'
  } catch {
    return 'no'
  }
  try {
    accessSync(path, constants.X_OK)
    return 'yes'
  } catch {
    return 'not-executable'
  }
}

/**
 * The absolute path of a program, found as `execvp` would in the program's own folder and PATH. Looked up before the
 * start, so that a program that does not exist is told apart from one that exits with 127.
 */
export function resolveProgram(program: string, cwd: string, pathVariable: string | undefined): Resolved {
  if (program === '') return { kind: 'missing', message: 'The command is empty. Name a program, such as python3.' }
  if (program.includes('/')) {
    const path = isAbsolute(program) ? program : resolve(cwd, program)
    switch (isProgram(path)) {
      case 'yes':
        return { kind: 'found', path }
      case 'folder':
        return { kind: 'missing', message: `${program} is a folder, not a program (looked at ${path}).` }
      case 'not-executable':
        return {
          kind: 'missing',
          message: `${path} is not executable. Run \`chmod +x ${path}\`, or put its interpreter first: [python3, ${program}].`,
        }
      case 'no':
        return {
          kind: 'missing',
          message: `There is no program ${path}. Check the path; relative paths start at ${cwd}.`,
        }
    }
  }
  let unusable: string | undefined
  for (const folder of (pathVariable ?? '/usr/local/bin:/usr/bin:/bin').split(delimiter)) {
    const path = resolve(cwd, join(folder === '' ? '.' : folder, program))
    const answer = isProgram(path)
    if (answer === 'yes') return { kind: 'found', path }
    if (answer === 'not-executable') unusable ??= path
  }
  if (unusable !== undefined) {
    return { kind: 'missing', message: `${unusable} is not executable. Run \`chmod +x ${unusable}\`.` }
  }
  return {
    kind: 'missing',
    message: `There is no program "${program}" on the PATH of this host. Install it there, or give its full path. PATH is ${pathVariable ?? 'not set'}.`,
  }
}
