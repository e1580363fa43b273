import { fileURLToPath } from 'node:url'
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition, type ServiceDefinition } from '@grpc/proto-loader'
import type { TestApi } from './test-api.ts'

export type Message = Readonly<Record<string, unknown>>
export type Call = ClientReadableStream<Message> & ClientWritableStream<Message> & ClientDuplexStream<Message, Message>

const PROTO_FOLDER = fileURLToPath(new URL('../../proto/', import.meta.url))

/** As a program in Node would load it, and not as the server does: camelCase, and a value for everything. */
const definition = loadSync('sweep/tracking/v1/tracking.proto', {
  longs: Number,
  enums: String,
  arrays: true,
  objects: true,
  includeDirs: [PROTO_FOLDER],
})
const errors = loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [PROTO_FOLDER],
})

export const SERVICE = definition['sweep.tracking.v1.TrackingService'] as ServiceDefinition

/** A client of the service as `@grpc/grpc-js` makes them. */
export class TestGrpc {
  readonly client: Client
  readonly #token: string | null

  /** @param token null for none */
  constructor(api: TestApi, token: string | null = api.tokens.operator, options = {}) {
    if (api.api.grpc === undefined) throw new Error('the test api serves no gRPC')
    this.client = new Client(api.api.grpc, credentials.createInsecure(), options)
    this.#token = token
  }

  /** One request, one answer. Rejects with the ServiceError. */
  ask(name: string, request: Message = {}, { deadline, metadata }: CallOptions = {}): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name)
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest<Message, Message>(
        path,
        requestSerialize as (message: Message) => Buffer,
        responseDeserialize as (bytes: Buffer) => Message,
        request,
        metadata ?? this.metadata(),
        deadline === undefined ? {} : { deadline },
        (error, reply) => (error === null ? resolve(reply ?? {}) : reject(error)),
      )
    })
  }

  /** A stream of answers, from one request. */
  read(name: string, request: Message, options: CallOptions = {}): ClientReadableStream<Message> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name)
    return this.client.makeServerStreamRequest<Message, Message>(
      path,
      requestSerialize as (message: Message) => Buffer,
      responseDeserialize as (bytes: Buffer) => Message,
      request,
      options.metadata ?? this.metadata(),
      options.deadline === undefined ? {} : { deadline: options.deadline },
    )
  }

  /** A stream of requests and of answers. */
  talk(name: string): ClientDuplexStream<Message, Message> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name)
    return this.client.makeBidiStreamRequest<Message, Message>(
      path,
      requestSerialize as (message: Message) => Buffer,
      responseDeserialize as (bytes: Buffer) => Message,
      this.metadata(),
    )
  }

  /** A stream of requests; its answer comes as a promise. */
  send(name: string): { readonly call: ClientWritableStream<Message>; readonly reply: Promise<Message> } {
    const { path, requestSerialize, responseDeserialize } = methodOf(name)
    let call: ClientWritableStream<Message> | undefined
    const reply = new Promise<Message>((resolve, reject) => {
      call = this.client.makeClientStreamRequest<Message, Message>(
        path,
        requestSerialize as (message: Message) => Buffer,
        responseDeserialize as (bytes: Buffer) => Message,
        this.metadata(),
        (error, answer) => (error === null ? resolve(answer ?? {}) : reject(error)),
      )
    })
    return { call: call!, reply }
  }

  metadata(): Metadata {
    const metadata = new Metadata()
    if (this.#token !== null) metadata.set('authorization', `Bearer ${this.#token}`)
    return metadata
  }

  close(): void {
    this.client.close()
  }
}

export interface CallOptions {
  readonly deadline?: Date
  readonly metadata?: Metadata
}

/** The messages of a stream until it ends; throws its ServiceError. */
export async function allOf(call: ClientReadableStream<Message>): Promise<Message[]> {
  const messages: Message[] = []
  for await (const message of call) messages.push(message)
  return messages
}

/** The ServiceError of a call that must fail, with what `grpc-status-details-bin` holds by the name of the message. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<{ readonly error: ServiceError; readonly details: Readonly<Record<string, Message>> }> {
  const error = await call.then(
    () => {
      throw new Error('the call went well')
    },
    (thrown: ServiceError) => thrown,
  )
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? []
  if (bytes === undefined) return { error, details: {} }
  const { details } = decode('Status', bytes as Buffer) as { details: { type_url: string; value: Buffer }[] }
  return {
    error,
    details: Object.fromEntries(
      details.map(({ type_url: url, value }) => {
        const name = url.replace('type.googleapis.com/google.rpc.', '')
        return [name, decode(name, value)]
      }),
    ),
  }
}

function decode(name: string, bytes: Buffer): Message {
  return (errors[`google.rpc.${name}`] as MessageTypeDefinition<object, Message>).deserialize(bytes)
}

function methodOf(name: string) {
  const method = SERVICE[name]
  if (method === undefined) throw new Error(`there is no method ${name}`)
  return method
}

/** JSON as `google.protobuf.Value` and `Struct`, and the other way round. */
export function struct(fields: Message): Message {
  return { fields: Object.fromEntries(Object.entries(fields).map(([key, json]) => [key, value(json)])) }
}

export function plain(message: unknown): unknown {
  const { fields = {} } = message as { fields?: Message }
  return Object.fromEntries(Object.entries(fields).map(([key, one]) => [key, plainValue(one)]))
}

function value(json: unknown): Message {
  if (json === null) return { nullValue: 0 }
  if (Array.isArray(json)) return { listValue: { values: json.map(value) } }
  if (typeof json === 'object') return { structValue: struct(json as Message) }
  return { [`${typeof json}Value`.replace('boolean', 'bool')]: json }
}

function plainValue(one: unknown): unknown {
  const entry = Object.entries(one as Message)[0]
  if (entry === undefined || entry[0] === 'nullValue') return null
  const [kind, content] = entry
  if (kind === 'listValue') return ((content as { values?: unknown[] }).values ?? []).map(plainValue)
  return kind === 'structValue' ? plain(content) : content
}
