import { expect, test } from 'vitest'
import { z } from 'zod'
import { parseEnvironment, whole } from './environment.ts'
import { sweepHome } from './sweep-home.ts'

const Schema = z.object({ DATABASE_URL: z.string(), SWEEP_PORT: whole.min(0).max(65_535).default(4600) })

test('an empty variable means the same as none', () => {
  expect(parseEnvironment(Schema, { DATABASE_URL: 'postgres://db', SWEEP_PORT: '' })).toEqual({
    DATABASE_URL: 'postgres://db',
    SWEEP_PORT: 4600,
  })
})

test('a variable that is wrong or missing is named, with what to do', () => {
  expect(() => parseEnvironment(Schema, { DATABASE_URL: 'x', SWEEP_PORT: '99999' })).toThrow(/^SWEEP_PORT is "99999": /)
  expect(() => parseEnvironment(Schema, {}, { DATABASE_URL: 'Set it.' })).toThrow(
    expect.objectContaining({ message: 'DATABASE_URL is not set', hint: 'Set it.' }),
  )
})

test('the home is what is set, else where the system keeps data of its users', () => {
  expect(sweepHome({ SWEEP_HOME: '/a', XDG_DATA_HOME: '/b' })).toBe('/a')
  expect(sweepHome({ XDG_DATA_HOME: '/b', HOME: '/c' })).toBe('/b/sweep')
  expect(sweepHome({ HOME: '/c' })).toBe('/c/.local/share/sweep')
})
