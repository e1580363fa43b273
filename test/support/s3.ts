// The package has no types of its own.
// @ts-expect-error
import S3rver from 's3rver'
import { parseObjectsPlace } from '../../packages/objects/src/open-objects.ts'
import type { S3Place } from '../../packages/objects/src/s3-store.ts'

const BUCKET = 'bucket'

/**
 * A server that speaks S3 (npm's s3rver), on a free port, with one bucket; the credentials it takes are set for all.
 * SWEEP_TEST_S3, spelt as SWEEP_OBJECTS is, names another one to be tested against.
 */
export class TestS3 {
  readonly #place: S3Place
  readonly #server: S3rver | undefined

  private constructor(place: S3Place, server?: S3rver) {
    this.#place = place
    this.#server = server
  }

  static async start(folder: string): Promise<TestS3> {
    const given = parseObjectsPlace(process.env['SWEEP_TEST_S3'] ?? 's3://none')
    if (given.kind === 's3' && given.bucket !== 'none') return new TestS3(given)
    process.env['AWS_ACCESS_KEY_ID'] = 'S3RVER'
    process.env['AWS_SECRET_ACCESS_KEY'] = 'S3RVER'
    const options = { directory: folder, port: 0, silent: true, configureBuckets: [{ name: BUCKET }] }
    const server = new S3rver(options)
    const { port } = await server.run()
    return new TestS3({ bucket: BUCKET, prefix: '', endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1' }, server)
  }

  place(prefix: string): S3Place {
    return { ...this.#place, prefix: `${this.#place.prefix}${prefix}` }
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }
}
