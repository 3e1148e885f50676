/** Small line without axes; what it shows is said beside it. The compared values are dashed behind. */
export function Sparkline({
  values,
  compared,
  width = 120,
  height = 32,
}: {
  values: readonly (number | null)[];
  compared?: readonly (number | null)[] | undefined;
  width?: number;
  height?: number;
}) {
  const numbers = [...values, ...(compared ?? [])].filter((value) => value !== null);
  const [least, most] = [Math.min(0, ...numbers), Math.max(...numbers, 0)];
  const scale = (value: number) => height - 2 - ((value - least) / (most - least || 1)) * (height - 4);
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      {compared ? <path d={linePath(compared, width, scale)} class="sparkline-compared" /> : null}
      <path d={linePath(values, width, scale)} />
    </svg>
  );
}

function linePath(values: readonly (number | null)[], width: number, scale: (value: number) => number): string {
  const step = width / Math.max(1, values.length - 1);
  let path = "";
  let isDown = false;
  values.forEach((value, index) => {
    if (value !== null) path += `${isDown ? "L" : "M"}${(index * step).toFixed(1)} ${scale(value).toFixed(1)}`;
    isDown = value !== null;
  });
  return path;
}
