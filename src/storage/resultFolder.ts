/** Where results of a batch go. A file is there whole or not at all. */
export interface ResultFolder {
  has(name: string): Promise<boolean>;
  write(name: string, content: Uint8Array | string): Promise<void>;
}
