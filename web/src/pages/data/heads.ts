/** Beginnings of files: what the server needs to see of a file before it is sent. */

const HEAD_BYTES = 256 * 1024;
export const TRIED_ROWS = 100;

/** The part of a file that is previewed and tried. */
export interface FileHead {
  bytes: Uint8Array<ArrayBuffer>;
  /** Whether the file goes on behind it. */
  isPartial: boolean;
}

const [LINE_FEED, RETURN, QUOTE, BACKSLASH] = [0x0a, 0x0d, 0x22, 0x5c];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Return the first bytes of a text, or the whole of a workbook or Parquet file, whose parts are listed at the end. */
export async function readHead(file: Blob): Promise<FileHead> {
  const mark = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  const size = isBinary(mark) ? file.size : HEAD_BYTES;
  return { bytes: new Uint8Array(await file.slice(0, size).arrayBuffer()), isPartial: size < file.size };
}

function isBinary(mark: Uint8Array): boolean {
  const text = String.fromCharCode(...mark);
  return text.startsWith("PK") || text === "PAR1" || text === "\xd0\xcf\x11\xe0";
}

/**
 * Return the beginning of a CSV or NDJSON text with `rows` lines after the header, all whole.
 *
 * A line end within quotes is no end of a row of CSV.
 */
export function cutLines(
  { bytes, isPartial }: FileHead,
  { rows = TRIED_ROWS, hasHeader = true, encoding = "utf-8" } = {},
): Uint8Array<ArrayBuffer> {
  const isWide = encoding.toLowerCase().startsWith("utf-16");
  const step = isWide ? 2 : 1;
  // Of a character of UTF-16, the byte that holds ASCII is the second one only when big-endian.
  const first = isWide && (encoding.toLowerCase() === "utf-16be" || (bytes[0] === 0xfe && bytes[1] === 0xff)) ? 1 : 0;
  let count = 0;
  let isQuoted = false;
  let hasText = false;
  let end = 0;
  for (let index = first; index < bytes.length; index += step) {
    const byte = bytes[index] as number;
    if (isWide && bytes[index + (first ? -1 : 1)] !== 0) {
      hasText = true;
      continue;
    }
    if (byte === QUOTE && hasHeader) isQuoted = !isQuoted;
    const isPair = byte === RETURN && bytes[index + step] === LINE_FEED;
    if (isQuoted || isPair || (byte !== LINE_FEED && byte !== RETURN)) {
      hasText ||= byte !== LINE_FEED && byte !== RETURN;
      continue;
    }
    end = index - first + step;
    if (hasText) count += 1;
    hasText = false;
    if (count === rows + Number(hasHeader)) return bytes.slice(0, end);
  }
  return isPartial && end > 0 ? bytes.slice(0, end) : bytes;
}

/** Return the beginning of a JSON array with `rows` elements, closed. */
export function cutElements({ bytes, isPartial }: FileHead, rows = TRIED_ROWS): Uint8Array<ArrayBuffer> {
  let depth = 0;
  let isText = false;
  let count = 0;
  let end = 0;
  for (let index = 0; index < bytes.length && count < rows; index += 1) {
    const byte = bytes[index] as number;
    if (isText) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
    else if (byte === CLOSE || byte === CLOSE_LIST) {
      depth -= 1;
      if (depth === 1) {
        count += 1;
        end = index + 1;
      }
    }
  }
  if (count < rows && !isPartial) return bytes;
  const cut = new Uint8Array(end + 1);
  cut.set(bytes.subarray(0, end));
  cut[end] = CLOSE_LIST;
  return cut;
}
