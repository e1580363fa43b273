import type { PackageDefinition } from '@grpc/proto-loader'

/** What is needed of `google.protobuf.FieldDescriptorProto`. */
export interface FieldDescriptor {
  readonly name: string
  readonly label: string
  /** Such as `TYPE_STRING`. */
  readonly type: string
  /** Of messages and enums; from the message on that the field is in, as names in a program are looked up. */
  readonly typeName: string
}

export interface MessageDescriptor {
  readonly name: string
  readonly field: readonly FieldDescriptor[]
  readonly nestedType: readonly MessageDescriptor[]
  readonly enumType: readonly EnumDescriptor[]
  readonly options: { readonly mapEntry: boolean } | null
}

export interface EnumDescriptor {
  readonly name: string
  readonly value: readonly { readonly name: string }[]
}

export type Described =
  | { readonly kind: 'message'; readonly fullName: string; readonly message: MessageDescriptor }
  | { readonly kind: 'enum'; readonly fullName: string; readonly enum: EnumDescriptor }

/** Messages and enums by their full name, those inside messages too. */
export class Descriptors {
  readonly #known = new Map<string, Described>()

  constructor(definition: PackageDefinition) {
    for (const [fullName, { format, type }] of Object.entries(definition)) {
      if (format === 'Protocol Buffer 3 DescriptorProto') this.#addMessage(fullName, type as MessageDescriptor)
      if (format === 'Protocol Buffer 3 EnumDescriptorProto') this.#addEnum(fullName, type as EnumDescriptor)
    }
  }

  get(fullName: string): Described {
    const found = this.#known.get(fullName)
    if (found === undefined) throw new Error(`there is no ${fullName} in the proto files`)
    return found
  }

  /** What a name means in a message: the innermost of that name, going outwards. */
  find(typeName: string, inside: string): Described {
    if (typeName.startsWith('.')) return this.get(typeName.slice(1))
    const scopes = inside.split('.')
    for (let length = scopes.length; length > 0; length -= 1) {
      const found = this.#known.get([...scopes.slice(0, length), typeName].join('.'))
      if (found !== undefined) return found
    }
    return this.get(typeName)
  }

  #addMessage(fullName: string, message: MessageDescriptor): void {
    this.#known.set(fullName, { kind: 'message', fullName, message })
    for (const nested of message.nestedType) this.#addMessage(`${fullName}.${nested.name}`, nested)
    for (const nested of message.enumType) this.#addEnum(`${fullName}.${nested.name}`, nested)
  }

  #addEnum(fullName: string, descriptor: EnumDescriptor): void {
    this.#known.set(fullName, { kind: 'enum', fullName, enum: descriptor })
  }
}
