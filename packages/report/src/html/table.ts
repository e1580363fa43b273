import { html, type Markup, type Part } from '../markup.ts'

export interface TableColumn<Row> {
  readonly name: string
  readonly cell: (row: Row) => Part
  /** Numbers stand to the right, long texts are broken. */
  readonly kind?: 'number' | 'text'
}

export function table<Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  isFirst: (row: Row) => boolean = () => false,
): Markup {
  const type = ({ kind }: TableColumn<Row>) =>
    kind === 'number' ? html` class="n"` : kind === 'text' && html` class="t"`
  return html`<div class="scroll"><table><thead><tr>${columns.map((column) => html`<th scope="col"${type(column)}>${column.name}</th>`)}</tr></thead><tbody>
${rows.map(
  (
    row,
  ) => html`<tr${isFirst(row) && html` class="first"`}>${columns.map((column) => html`<td${type(column)}>${column.cell(row)}</td>`)}</tr>
`,
)}</tbody></table></div>`
}

/** Names and texts beside each other. */
export function pairs(rows: readonly (readonly [name: string, text: Part])[]): Markup {
  return html`<div class="scroll"><table><tbody>${rows.map(
    ([name, text]) => html`<tr><th scope="row">${name}</th><td class="t">${text}</td></tr>
`,
  )}</tbody></table></div>`
}
