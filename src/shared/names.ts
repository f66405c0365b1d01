/**
 * One key for a name, however its accents are composed: macOS takes letters and accents apart (NFD), most other systems
 * keep them in one piece (NFC), and to people both are the same.
 */
export function nameKey(name: string): string {
  return name.normalize('NFC');
}
