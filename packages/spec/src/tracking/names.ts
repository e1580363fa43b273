import { z } from 'zod'

/** Longest name of a metric, a param or a tag, in bytes of UTF-8. */
export const NAME_BYTES = 250

const encoder = new TextEncoder()
/** Most names are like this, and there is one for every point that is logged. */
const PLAIN = /^[\w/-]{1,250}$/

/** What people call a metric, a param or a tag: any text that is not too long, quotes and emoji included. */
export const Name = z.string().check((context) => {
  refuse(context, whatIsWrong(context.value))
})
export type Name = z.infer<typeof Name>

/** Addresses have the name of a metric in them, and `..` leads elsewhere there. */
export const MetricKey = z.string().check((context) => {
  refuse(context, whatIsWrong(context.value) ?? whatIsWrongInAddress(context.value))
})
export type MetricKey = z.infer<typeof MetricKey>

function whatIsWrong(name: string): string | undefined {
  if (PLAIN.test(name)) return undefined
  if (name === '') return 'a name must not be empty'
  if (encoder.encode(name).length > NAME_BYTES) {
    return `a name has at most ${NAME_BYTES} bytes, and ${shown(name)} has more`
  }
  return /[\0\p{Surrogate}]/u.test(name) ? 'a name must be text without NUL' : undefined
}

function whatIsWrongInAddress(name: string): string | undefined {
  const leadsOut = name.includes('.') && name.split('/').some((part) => part === '.' || part === '..')
  return leadsOut ? 'the name of a metric must not have . or .. as a part' : undefined
}

function refuse(context: z.core.ParsePayload<string>, message: string | undefined): void {
  if (message !== undefined) context.issues.push({ code: 'custom', message, input: context.value })
}

function shown(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name)
}
