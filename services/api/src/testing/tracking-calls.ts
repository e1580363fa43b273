import { ErrorBody } from '@sweep/spec/wire/api'
import { RunView } from '@sweep/spec/wire/tracking/runs'
import { expect } from 'vitest'
import type { Reply, TestApi } from './test-api.ts'

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT'

/** What tests of the tracking routes say again and again; as an operator unless a token is named. */
export function trackingCalls(of: () => TestApi) {
  function call(method: Method, path: string, body?: unknown, token = of().tokens.operator): Promise<Reply> {
    return of().call(method, path, { token, ...(body === undefined ? {} : { body }) })
  }

  async function ok<T>(reply: Promise<Reply>, schema: { parse(body: unknown): T }, status = 200): Promise<T> {
    const { status: got, body, text } = await reply
    expect([got, got === status ? '' : text]).toEqual([status, ''])
    return schema.parse(body)
  }

  async function refused(reply: Promise<Reply>, status: number): Promise<ErrorBody> {
    const { status: got, body } = await reply
    expect(got).toBe(status)
    return ErrorBody.parse(body)
  }

  const newRun = (fields: object = {}) => ok(call('POST', '/runs', { experiment: 'tests', ...fields }), RunView, 201)

  function upload(
    run: string,
    path: string,
    bytes: Buffer,
    { token = of().tokens.operator, more = '' }: { token?: string; more?: string } = {},
  ): Promise<Reply> {
    return of().call('PUT', `/runs/${run}/artifacts/file?path=${encodeURIComponent(path)}${more}`, {
      token,
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    })
  }

  return { call, ok, refused, newRun, upload }
}
