/** The `content-disposition` of a file that is saved under the last part of its path; spelled as RFC 5987 wants it. */
export function attachmentName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const spelled = encodeURIComponent(name).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename*=UTF-8''${spelled}`
}
