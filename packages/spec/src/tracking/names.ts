import { z } from 'zod'

/** Longest name of a metric, a param or a tag, in bytes of UTF-8. */
export const NAME_BYTES = 250

const encoder = new TextEncoder()

/** What people call a metric, a param or a tag: any text that is not too long, quotes and emoji included. */
export const Name = z
  .string()
  .min(1, { error: 'a name must not be empty' })
  // Most names are short, and need not be encoded.
  .refine((name) => name.length * 3 <= NAME_BYTES || encoder.encode(name).length <= NAME_BYTES, {
    error: (issue) => `a name has at most ${NAME_BYTES} bytes, and ${shown(issue.input)} has more`,
  })
  .refine((name) => !/[\0\p{Surrogate}]/u.test(name), { error: 'a name must be text without NUL' })
export type Name = z.infer<typeof Name>

/** Addresses have the name of a metric in them, and `..` leads elsewhere there. */
export const MetricKey = Name.refine((name) => name.split('/').every((part) => part !== '.' && part !== '..'), {
  error: 'the name of a metric must not have . or .. as a part',
})
export type MetricKey = z.infer<typeof MetricKey>

function shown(name: unknown): string {
  const text = String(name)
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
