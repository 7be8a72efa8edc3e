/** What a request can end in besides an answer: a refusal of the server (RFC 9457), or no server. */

/** One of several keys in a file, to choose from. */
export interface KeyChoice {
  thumbprint_sha1: string;
  subject?: string;
  not_after?: string;
}

interface ProblemDocument {
  status?: number;
  detail?: string;
  code?: string;
  hint?: string;
  field?: string;
  choices?: (KeyChoice | string)[];
  accounts?: string[];
  retry_after_seconds?: number;
}

/** A refusal: what is wrong, and what to do next. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  /** The member of the request that was refused, where one is to blame. */
  readonly field: string | undefined;
  readonly choices: KeyChoice[];
  readonly accounts: string[];
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, document: ProblemDocument) {
    super(document.detail ?? `The server answered ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.code = document.code ?? "unknown";
    this.hint = document.hint ?? "";
    this.field = document.field;
    this.choices = (document.choices ?? []).map((choice) => (typeof choice === "string" ? { thumbprint_sha1: choice } : choice));
    this.accounts = document.accounts ?? [];
    this.retryAfterSeconds = document.retry_after_seconds;
  }

  /** The sentence to stand at a field: the message without the member's name in front, and the hint. */
  get atField(): string {
    const said = this.field && this.message.startsWith(`${this.field}: `) ? capital(this.message.slice(this.field.length + 2)) : this.message;
    const sentence = /[.!?]$/.test(said) ? said : `${said}.`;
    return this.code === "invalid_request" || !this.hint ? sentence : `${sentence} ${this.hint}`;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super("Postern can't be reached.", { cause });
    this.name = "Unreachable";
  }
}

export function problemOf(status: number, body: unknown): Problem {
  return new Problem(status, typeof body === "object" && body !== null ? (body) : {});
}

/** Any error as message and hint, for a person. */
export function explained(error: unknown): { message: string; hint: string } {
  if (error instanceof Problem) return { message: error.message, hint: error.hint };
  if (error instanceof Unreachable) return { message: error.message, hint: "Is the server running, and the network up? Try again once it answers." };
  return { message: error instanceof Error ? error.message : String(error), hint: "" };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
