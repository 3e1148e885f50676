/** Worker that solves an ALTCHA challenge. */
import { sha256 } from "@noble/hashes/sha2.js";
import { type Challenge, solveChallenge } from "altcha-lib";

const TIMEOUT_MS = 300_000;

/**
 * Return the key of a counter: the hash of salt, nonce and counter.
 *
 * The browser's own hashes are missing where the page is served by plain HTTP, and slow for many small inputs.
 */
function deriveKey(_parameters: unknown, salt: Uint8Array, password: Uint8Array): { derivedKey: Uint8Array } {
  return { derivedKey: sha256.create().update(salt).update(password).digest() };
}

self.onmessage = ({ data }: MessageEvent<Challenge>) => {
  void solveChallenge({ challenge: data, deriveKey: deriveKey as never, timeout: TIMEOUT_MS }).then((solution) => {
    self.postMessage(solution);
  });
};
