/** The same category has the same colour on every plot of the page. */

const COLOURS = 8;
/** Colour of what is not one category: the others. */
export const REST_COLOUR = COLOURS - 1;

const remembered = new Map<string, number>();

/**
 * Return the numbers of the colours of categories, in their order.
 *
 * A category keeps the colour that it had first, unless another one of the plot has it; `kind` tells categories of
 * different kinds apart that have the same key. That of the others is free where there are eight categories or more;
 * more than eight repeat colours.
 */
export function assignColours(kind: string, keys: readonly string[]): number[] {
  const used = new Set<number>();
  const count = keys.length < COLOURS ? REST_COLOUR : COLOURS;
  const colours = keys.map((key) => {
    const colour = remembered.get(`${kind} ${key}`);
    if (colour === undefined || colour >= count || used.has(colour)) return undefined;
    used.add(colour);
    return colour;
  });
  return keys.map((key, index) => {
    const known = colours[index];
    if (known !== undefined) return known;
    let colour = 0;
    while (colour < count && used.has(colour)) colour += 1;
    if (colour === count) colour = index % count;
    used.add(colour);
    if (!remembered.has(`${kind} ${key}`)) remembered.set(`${kind} ${key}`, colour);
    return colour;
  });
}
