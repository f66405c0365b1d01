/** A table with columns as wide as their widest cell; the first row is its head. One string, lines without trailing space. */
export function formatColumns(rows: readonly (readonly string[])[], indent = '  '): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) => (indent + row.map((cell, column) => cell.padEnd(widths[column] + 2)).join('')).trimEnd())
    .join('\n');
}
