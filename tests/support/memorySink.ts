import type { ZipSink } from '@/core/io/zipStream';

/** An archive in memory. */
export class MemorySink implements ZipSink {
  bytes = new Uint8Array();

  async write(piece: Uint8Array, position: number): Promise<void> {
    if (position + piece.length > this.bytes.length) {
      const grown = new Uint8Array(position + piece.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(piece, position);
  }
}
