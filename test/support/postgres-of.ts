import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { TestServer } from './server.ts'

/** The address of a test server's database, to look behind the API. */
export async function postgresOf(server: TestServer): Promise<string> {
  if (server.databaseUrl !== undefined) return server.databaseUrl
  const folder = join(server.home, 'postgres')
  const read = async (name: string) => (await readFile(join(folder, name), 'utf8')).trim()
  return `postgres://sweep:${await read('password')}@127.0.0.1:${await read('port')}/sweep`
}

/** Process id of a test server's embedded Postgres. */
export async function postgresPid(server: TestServer): Promise<number> {
  const text = await readFile(join(server.home, 'postgres', 'data', 'postmaster.pid'), 'utf8')
  return Number(text.split('\n')[0])
}

/** That Postgres and its backends; each backend leads a session of its own, so a signal to the group is not enough. */
export async function postgresProcesses(server: TestServer): Promise<number[]> {
  const postmaster = await postgresPid(server)
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number)
  const parents = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    }),
  )
  return [postmaster, ...pids.filter((_, index) => parents[index] === postmaster)]
}

export async function querySql(url: string, text: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text, values)
  } finally {
    await client.end()
  }
}
