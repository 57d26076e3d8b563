/** JSON as RFC 8259 and RFC 7515 section 4 define it, without the leniency of `JSON.parse`. */

/** Input that is not well-formed; the message is a fixed sentence and never quotes the input. */
export class MalformedJose extends Error {}

/** The members of a JSON object. It has no prototype, so that no name means more than what was sent. */
export type JsonObject = { readonly [name: string]: unknown };

const MAX_DEPTH = 8;
const MAX_VALUES = 4096;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/**
 * The JSON object in `data` (UTF-8, no byte-order mark).
 *
 * @throws MalformedJose for duplicate members at any depth, NaN and infinities, lone surrogates, NUL characters,
 * integers beyond 2^53-1, nesting deeper than 8 or more than 4096 values.
 */
export function readJsonObject(data: Uint8Array): JsonObject {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new MalformedJose("not a JSON document");
  }
  const value = new Reader(text).document();
  if (!isObject(value)) throw new MalformedJose("not a JSON object");
  return value;
}

/** Whether `value` is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class Reader {
  readonly #text: string;
  #at = 0;
  #seen = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    this.#match(SPACE);
    const value = this.#value(1);
    this.#match(SPACE);
    if (this.#at !== this.#text.length) throw new MalformedJose("not a JSON document");
    return value;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new MalformedJose("the JSON document is too deep or too large");
    this.#count();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
    }
    for (const [literal, value] of LITERALS) {
      if (this.#text.startsWith(literal, this.#at)) {
        this.#at += literal.length;
        return value;
      }
    }
    return this.#number();
  }

  #object(depth: number): JsonObject {
    const members = Object.create(null) as Record<string, unknown>;
    this.#list("}", () => {
      if (this.#text[this.#at] !== '"') throw new MalformedJose("not a JSON document");
      this.#count();
      const name = this.#string();
      if (Object.hasOwn(members, name)) throw new MalformedJose("a JSON member occurs twice");
      this.#match(SPACE);
      if (this.#text[this.#at] !== ":") throw new MalformedJose("not a JSON document");
      this.#at += 1;
      this.#match(SPACE);
      members[name] = this.#value(depth + 1);
    });
    return members;
  }

  #array(depth: number): readonly unknown[] {
    const elements: unknown[] = [];
    this.#list("]", () => elements.push(this.#value(depth + 1)));
    return elements;
  }

  /** What stands between the bracket here and its `end`, with commas between. */
  #list(end: string, element: () => void): void {
    this.#at += 1;
    this.#match(SPACE);
    if (this.#text[this.#at] === end) {
      this.#at += 1;
      return;
    }
    for (;;) {
      element();
      this.#match(SPACE);
      const next = this.#text[this.#at];
      if (next !== "," && next !== end) throw new MalformedJose("not a JSON document");
      this.#at += 1;
      if (next === end) return;
      this.#match(SPACE);
    }
  }

  #string(): string {
    const value = JSON.parse(this.#match(STRING)) as string;
    if (value.includes("\0") || /\p{Cs}/u.test(value)) {
      throw new MalformedJose("a JSON string holds a character that is not allowed");
    }
    return value;
  }

  #number(): number {
    const text = this.#match(NUMBER);
    const value = Number(text);
    const whole = /^-?[0-9]+$/.test(text);
    if (whole && !Number.isSafeInteger(value)) throw new MalformedJose("a JSON integer is out of range");
    if (!Number.isFinite(value)) throw new MalformedJose("NaN and infinities are not JSON");
    return value;
  }

  #count(): void {
    this.#seen += 1;
    if (this.#seen > MAX_VALUES) throw new MalformedJose("the JSON document is too deep or too large");
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) throw new MalformedJose("not a JSON document");
    this.#at += found[0].length;
    return found[0];
  }
}
