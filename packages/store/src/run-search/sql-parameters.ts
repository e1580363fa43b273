/** Types that a parameter is cast to; there are no others, so that none can come from outside. */
export type SqlType =
  | 'int4'
  | 'int8'
  | 'float8'
  | 'text'
  | 'jsonb'
  | 'bool'
  | 'timestamptz'
  | 'int4[]'
  | 'int8[]'
  | 'float8[]'
  | 'text[]'

/** The values of a statement that is put together from parts: every value gets a number, and only that is text. */
export class SqlParameters {
  readonly #values: unknown[] = []

  /** @returns the placeholder, such as `$3::float8` */
  add(value: unknown, type: SqlType): string {
    this.#values.push(value)
    return `$${this.#values.length}::${type}`
  }

  get values(): readonly unknown[] {
    return this.#values
  }
}
