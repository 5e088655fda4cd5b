import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Tells the story on a terminal: numbered steps, facts below them, checks with their outcome. Colours only on a TTY. */
export class Narrator {
  readonly #out: NodeJS.WriteStream;
  readonly #started = Date.now();
  readonly #failures: string[] = [];
  #step = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  title(text: string): void {
    this.#line(this.#style('bold', text));
  }

  step(text: string): void {
    this.#step += 1;
    const clock = `${((Date.now() - this.#started) / 1_000).toFixed(1)} s`.padStart(7);
    this.#line(`\n${this.#style('dim', clock)}  ${this.#style('cyan', `${this.#step}.`)} ${this.#style('bold', text)}`);
  }

  fact(text: string): void {
    this.#line(`            ${text}`);
  }

  /** Rows of a small table, columns aligned. */
  table(rows: readonly (readonly (string | number)[])[]): void {
    const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? '').length))) ?? [];
    for (const row of rows) {
      this.fact(
        row
          .map((cell, column) =>
            typeof cell === 'number' ? String(cell).padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
          )
          .join('  ')
          .trimEnd(),
      );
    }
  }

  /** A claim of the story; one that does not hold makes the demo end non-zero. */
  check(claim: string, holds: boolean): void {
    if (!holds) this.#failures.push(claim);
    const mark = holds ? this.#style('green', 'ok  ') : this.#style('red', 'FAIL');
    this.fact(`${mark} ${claim}`);
  }

  get failures(): readonly string[] {
    return this.#failures;
  }

  get seconds(): number {
    return (Date.now() - this.#started) / 1_000;
  }

  #style(style: Style, text: string): string {
    return this.#out.isTTY ? styleText(style, text, { stream: this.#out }) : text;
  }

  #line(text: string): void {
    this.#out.write(`${text}\n`);
  }
}
