/** What the browser remembers of choices; where it keeps nothing, reading it would throw. Never secrets. */

/** Return what was stored under a name. */
export function readStored(name: string): string | null {
  try {
    return localStorage.getItem(`okube.${name}`);
  } catch {
    return null;
  }
}

/** Store a text under a name, if the browser keeps anything. */
export function writeStored(name: string, text: string): void {
  try {
    localStorage.setItem(`okube.${name}`, text);
  } catch {
    // the next visit has no such choice
  }
}
