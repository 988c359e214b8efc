import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const DIRECTORY = join(import.meta.dirname, '..', 'docs', 'benchmarks');
const WIDTH = 760;
const HEIGHT = 380;
const BOX = { left: 76, right: WIDTH - 24, top: 78, bottom: HEIGHT - 62 };
/** Told apart on white and on black, and by who sees no red or no green. */
const COLOURS = ['#0b84a5', '#d1692c', '#7a63c4', '#6b8e23', '#b8478f', '#a07d00', '#5d8aa8', '#a85450'];
const STYLE = `text{font:13px system-ui,sans-serif;fill:#57606a}.title{font-size:15px;font-weight:600;fill:#24292f}.grid{stroke:#8c959f;stroke-opacity:.3}.axis{stroke:#8c959f}
@media(prefers-color-scheme:dark){text{fill:#9aa4ae}.title{fill:#e6edf3}}`;

export interface Axis {
  readonly label: string;
  readonly isLog?: boolean;
  /** Where the axis is marked; absent: for values, chosen here. */
  readonly ticks?: readonly { readonly at: number; readonly text: string }[];
}

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Bar {
  readonly name: string;
  readonly value: number;
}

/** A longer line is drawn without its points. */
const DOTS_MAX = 40;

type Scale = (value: number) => number;

export async function writePlot(file: string, svg: string): Promise<void> {
  await mkdir(DIRECTORY, { recursive: true });
  await writeFile(join(DIRECTORY, file), svg);
}

/** Lines with their points; the names stand in a row above. */
export function linePlot(title: string, x: Axis, y: Axis, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const across = scaleOf(
    x,
    points.map(([at]) => at),
    [BOX.left + 16, BOX.right - 16],
  );
  const yTicks =
    y.ticks ??
    ticksOf(
      y,
      points.map(([, value]) => value),
    );
  const up = scaleOf(
    y,
    yTicks.map(({ at }) => at),
    [BOX.bottom, BOX.top],
  );
  const xTicks = (x.ticks ?? []).map(({ at, text }) => textAt(across(at), BOX.bottom + 20, text));
  const drawn = lines.map(({ points: own }, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? '';
    const path = own.map(([at, value]) => `${round(across(at))},${round(up(value))}`);
    const dots = (own.length > DOTS_MAX ? [] : path).map(
      (place) => `<circle cx="${place.replace(',', '" cy="')}" r="3.5" fill="${colour}"/>`,
    );
    return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
  });
  const legend = legendOf(lines.map(({ name }) => name));
  return frame(title, x, y, [
    ...yTicks.map(({ at, text }) => grid(up(at), text)),
    ...xTicks,
    ...drawn,
    legend,
  ]);
}

/** Bars that start at zero, each with its value above. */
export function barPlot(
  title: string,
  y: Axis,
  bars: readonly Bar[],
  write: (value: number) => string,
): string {
  const yTicks = ticksOf(y, [0, ...bars.map(({ value }) => value)]);
  const up = scaleOf(
    y,
    yTicks.map(({ at }) => at),
    [BOX.bottom, BOX.top],
  );
  const step = (BOX.right - BOX.left) / bars.length;
  const drawn = bars.map(({ name, value }, index) => {
    const left = BOX.left + step * (index + 0.2);
    const top = up(value);
    const middle = left + step * 0.3;
    const rectangle = `<rect x="${round(left)}" y="${round(top)}" width="${round(step * 0.6)}" height="${round(BOX.bottom - top)}" fill="${COLOURS[index === 0 ? 0 : 1] ?? ''}" fill-opacity="${index === 0 ? 1 : 0.75}"/>`;
    return `${rectangle}${textAt(middle, top - 6, write(value))}${textAt(middle, BOX.bottom + 20, name)}`;
  });
  return frame(title, { label: '' }, y, [...yTicks.map(({ at, text }) => grid(up(at), text)), ...drawn]);
}

function frame(title: string, x: Axis, y: Axis, inside: readonly string[]): string {
  const middle = (BOX.top + BOX.bottom) / 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style>
<text class="title" x="${BOX.left}" y="24">${escaped(title)}</text>
${inside.join('\n')}
<line class="axis" x1="${BOX.left}" y1="${BOX.bottom}" x2="${BOX.right}" y2="${BOX.bottom}"/>
${textAt((BOX.left + BOX.right) / 2, HEIGHT - 14, x.label)}
<text x="16" y="${middle}" transform="rotate(-90 16 ${middle})" text-anchor="middle">${escaped(y.label)}</text>
</svg>
`;
}

/** A row of names, or two. */
function legendOf(names: readonly string[]): string {
  let [left, top] = [BOX.left, 44];
  const entries = names.map((name, index) => {
    const width = 34 + name.length * 7;
    if (left + width > WIDTH) [left, top] = [BOX.left, top + 18];
    const dot = `<circle cx="${left + 5}" cy="${top - 4}" r="5" fill="${COLOURS[index % COLOURS.length] ?? ''}"/>`;
    const entry = `${dot}<text x="${left + 16}" y="${top}">${escaped(name)}</text>`;
    left += width;
    return entry;
  });
  return entries.join('');
}

function grid(y: number, text: string): string {
  return `<line class="grid" x1="${BOX.left}" y1="${round(y)}" x2="${BOX.right}" y2="${round(y)}"/><text x="${BOX.left - 8}" y="${round(y + 4)}" text-anchor="end">${escaped(text)}</text>`;
}

function textAt(x: number, y: number, text: string): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="middle">${escaped(text)}</text>`;
}

/** From the smallest to the largest of the values to the two ends. */
function scaleOf(
  { isLog = false }: Axis,
  values: readonly number[],
  [from, to]: readonly [number, number],
): Scale {
  const turn = isLog ? Math.log10 : (value: number) => value;
  const [low, high] = [turn(Math.min(...values)), turn(Math.max(...values))];
  return (value) => from + ((turn(value) - low) / (high - low || 1)) * (to - from);
}

/** Powers of ten, or four to eight round steps from zero. */
function ticksOf({ isLog = false }: Axis, values: readonly number[]) {
  const highest = Math.max(...values);
  const marks: number[] = [];
  if (isLog) {
    const positive = values.filter((value) => value > 0);
    const low = Math.floor(Math.log10(Math.min(...positive)));
    for (let power = low; power <= Math.ceil(Math.log10(highest)); power += 1) marks.push(10 ** power);
  } else {
    const rough = highest / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
    for (let mark = 0; mark < highest + step; mark += step) marks.push(Number(mark.toPrecision(6)));
  }
  return marks.map((at) => ({ at, text: at.toLocaleString('en-US', { maximumFractionDigits: 3 }) }));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
