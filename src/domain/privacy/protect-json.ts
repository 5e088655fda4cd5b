import { LinewardError } from '../../errors/lineward-error.ts';
import { printExactJson, readExactJson } from '../exact-json.ts';
import { type ProtectionCounts, protectMember, type Seal, sealedMember } from './apply-protection.ts';
import { JsonScanner, noJson } from './json-scanner.ts';
import { type PlanNode, type ProtectionPlan, recordDepthMax } from './protection-plan.ts';

export interface ProtectedJson extends ProtectionCounts {
  readonly text: string;
}

/**
 * Applies a plan to the JSON text of one record, as `applyProtection` does to the record. Only what is protected is decoded:
 * all else is checked and copied as it stands, so numbers keep every digit and unprotected fields their spelling. Of a key
 * that stands twice both values are protected.
 * @throws LinewardError VALUE_INVALID for text that is no JSON object, or a value that cannot be sealed; no error holds a
 * value.
 */
export function protectJson(plan: ProtectionPlan, text: string, seal: Seal): ProtectedJson {
  const protection = new JsonProtection(new JsonScanner(text), seal);
  const protectedText = protection.run(plan.root);
  const { unknownRemoved, faultsRemoved } = protection.counts;
  return { text: protectedText, unknownRemoved, faultsRemoved };
}

class JsonProtection {
  readonly counts = { unknownRemoved: 0, faultsRemoved: 0 };
  readonly #scanner: JsonScanner;
  readonly #seal: Seal;
  #out = '';
  /** Up to where the text is in the output. */
  #copied = 0;

  constructor(scanner: JsonScanner, seal: Seal) {
    this.#scanner = scanner;
    this.#seal = seal;
  }

  run(root: PlanNode): string {
    const { text } = this.#scanner;
    const start = this.#scanner.blank(0);
    if (text.charCodeAt(start) !== 123) throw noJson();
    const end = this.#object(root, start, 0);
    if (this.#scanner.blank(end) !== text.length) throw noJson();
    return this.#copied === 0 ? text : this.#out + text.slice(this.#copied);
  }

  /** Walks over the object that begins here. A member that goes takes one comma with it. */
  #object(node: PlanNode, at: number, depth: number): number {
    const scanner = this.#scanner;
    const { text } = scanner;
    let index = scanner.blank(at + 1);
    if (text.charCodeAt(index) === 125) return index + 1;
    /** Behind the last member that stays; the opening brace when none does. */
    let kept = at + 1;
    let isFirst = true;
    let position = 0;
    for (;;) {
      // Records of one producer have their keys in one order, so the next key is guessed before it is read.
      const guess = node.order[position];
      const isGuessed = guess !== undefined && text.slice(index, index + guess.key.length) === guess.key;
      const colon = isGuessed ? index + guess.key.length - 1 : scanner.colon(index);
      const field = isGuessed ? guess.node : node.fields.get(scanner.textOf(index, scanner.string(index)));
      position = isGuessed ? position + 1 : (field?.position ?? position) + 1;
      const start = scanner.blank(colon + 1);
      const end = field === undefined ? null : this.#member(field, start, depth + 1);
      const behind = end ?? scanner.value(start, depth + 1);
      if (field === undefined) this.counts.unknownRemoved += 1;
      const next = scanner.blank(behind);
      const isLast = text.charCodeAt(next) === 125;
      if (!isLast && text.charCodeAt(next) !== 44) throw noJson();
      const following = isLast ? next : scanner.blank(next + 1);
      if (end === null) {
        this.#replace(kept, isFirst && !isLast ? following : behind, '');
      } else {
        kept = behind;
        isFirst = false;
      }
      if (isLast) return next + 1;
      index = following;
    }
  }

  /** Behind the value of a field; null when nothing of it may stay, and then nothing is put out. */
  #member(node: PlanNode, at: number, depth: number): number | null {
    const scanner = this.#scanner;
    if (node.passes) return scanner.value(at, depth);
    const code = scanner.text.charCodeAt(at);
    if (code === 34 && node.ofText !== null) {
      const end = scanner.string(at);
      const shown = node.ofText(scanner.textOf(at, end));
      if (shown === undefined) return null;
      this.#replace(at, end, shown === null ? 'null' : quoted(shown));
      return end;
    }
    if (code === 34 && node.protection?.action === 'ENCRYPT') {
      const end = scanner.string(at);
      const envelope = sealedMember(node, node.protection, scanner.textOf(at, end), this.#seal);
      // Base64, also where an envelope stays as it is: there is nothing in it to escape.
      this.#replace(at, end, `"${envelope}"`);
      return end;
    }
    const isContainer = code === 123 || code === 91;
    if (isContainer && depth > recordDepthMax) return this.#tooDeep();
    if (code === 123 && node.fields.size > 0) return this.#object(node, at, depth);
    if (code === 91 && node.element !== null) return this.#array(node.element, at, depth);
    return this.#decoded(node, at, depth);
  }

  #tooDeep(): null {
    this.counts.faultsRemoved += 1;
    return null;
  }

  #array(element: PlanNode, at: number, depth: number): number {
    const scanner = this.#scanner;
    let index = scanner.blank(at + 1);
    if (scanner.text.charCodeAt(index) === 93) return index + 1;
    for (;;) {
      let end = this.#member(element, index, depth + 1);
      if (end === null) {
        end = scanner.value(index, depth + 1);
        this.#replace(index, end, 'null');
      }
      index = scanner.blank(end);
      const code = scanner.text.charCodeAt(index);
      if (code === 93) return index + 1;
      if (code !== 44) throw noJson();
      index = scanner.blank(index + 1);
    }
  }

  /** The long way, for what is no text: the value is made, protected and printed. */
  #decoded(node: PlanNode, at: number, depth: number): number | null {
    const end = this.#scanner.value(at, depth);
    const source = this.#scanner.text.slice(at, end);
    const { value, ...counts } = protectMember(node, readExactJson(source), this.#seal, depth);
    this.counts.unknownRemoved += counts.unknownRemoved;
    this.counts.faultsRemoved += counts.faultsRemoved;
    if (value === undefined) return null;
    const printed = printable(value);
    this.#replace(at, end, printed);
    return end;
  }

  #replace(start: number, end: number, replacement: string): void {
    this.#out += this.#scanner.text.slice(this.#copied, start) + replacement;
    this.#copied = end;
  }
}

function printable(value: unknown): string {
  try {
    return printExactJson(value) ?? 'null';
  } catch (cause) {
    throw new LinewardError('VALUE_INVALID', 'A protected value cannot be written as JSON.', { cause });
  }
}

/** A text of so many characters is looked through sooner here than it is handed to `JSON.stringify`. */
const shortLength = 40;

function quoted(text: string): string {
  return text.length <= shortLength && needsNoEscapes(text) ? `"${text}"` : JSON.stringify(text);
}

/** True for printable ASCII without quote and backslash. */
function needsNoEscapes(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 32 || code > 126 || code === 34 || code === 92) return false;
  }
  return true;
}
