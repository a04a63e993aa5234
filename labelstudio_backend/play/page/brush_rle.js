// Label Studio's brush RLE (thi.ng's rle-pack), read as the editor of Label Studio reads it.

const CHANNELS = 4;

/** The bytes of `value.rle` as one byte a pixel, 0 or 255. */
export function decodeBrushRle(rle) {
  const bits = new Bits(rle);
  const count = bits.read(32);
  const wordBits = bits.read(5) + 1;
  const lengthBits = [0, 1, 2, 3].map(() => bits.read(4) + 1);
  const pixels = new Uint8Array(count / CHANNELS);
  for (let i = 0; i < count;) {
    const isRun = bits.read(1);
    const end = i + 1 + bits.read(lengthBits[bits.read(2)]);
    if (isRun) {
      // The four channels of a pixel are alike, so that runs end where pixels end.
      pixels.fill(bits.read(wordBits), i / CHANNELS, end / CHANNELS);
    } else {
      for (let j = i; j < end; j++) pixels[Math.floor(j / CHANNELS)] = bits.read(wordBits);
    }
    i = end;
  }
  return pixels;
}

class Bits {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** The next `count` bits, at most 32, as an unsigned number. */
  read(count) {
    let value = 0;
    while (count > 0) {
      const left = 8 - (this.#at & 7);
      const taken = Math.min(left, count);
      const byte = this.#bytes[this.#at >> 3] & (0xff >> (8 - left));
      value = value * 2 ** taken + (byte >> (left - taken));
      this.#at += taken;
      count -= taken;
    }
    return value;
  }
}
