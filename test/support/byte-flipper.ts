/** Someone in the middle: while told to, changes one byte of each connection that a proxy passes on. */
export class ByteFlipper {
  isFlipping = false;
  /** Connections that had a byte changed. */
  flipped = 0;

  change(): (bytes: Buffer) => void {
    // Each connection is hit a little later than the one before: in its handshake first, in its data then.
    let left = this.isFlipping ? this.flipped * 97 : null;
    return (bytes) => {
      if (left === null) return;
      if (left >= bytes.length) {
        left -= bytes.length;
        return;
      }
      bytes[left] = (bytes[left] ?? 0) ^ 0x20;
      this.flipped += 1;
      left = null;
    };
  }
}
