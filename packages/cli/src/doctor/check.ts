/** One thing looked at. Red keeps sweep from working here; yellow is worth knowing. */
export interface Check {
  readonly name: string
  readonly status: 'green' | 'yellow' | 'red'
  readonly seen: string
  readonly fix?: string
}
