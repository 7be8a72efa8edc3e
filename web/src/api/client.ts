/**
 * The way to the REST API. Its types are generated from the server's OpenAPI document.
 *
 * A request that meets an ended session waits until someone has signed in again, and is then sent once more: nothing
 * that was typed is lost, and no page has to know about it.
 */
import createClient from "openapi-fetch";
import { problemOf, Unreachable } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Asks for a new sign-in; resolves when there is one, rejects when it is given up. */
type SignInAgain = () => Promise<void>;
let signInAgain: SignInAgain | undefined;

/** From now on an ended session asks for a new sign-in in this way. */
export function onSessionEnd(handler: SignInAgain | undefined): void {
  signInAgain = handler;
}

/** `fetch` with our header against forged requests, and the second try after a new sign-in. */
export async function send(request: Request): Promise<Response> {
  request.headers.set("X-Postern", "1");
  const again = request.clone();
  const response = await reach(request);
  if (!signInAgain || isSignIn(request) || !(await sessionEnded(response))) return response;
  await signInAgain();
  return reach(again);
}

/** Told apart from a wrong password, which is a 401 as well. */
async function sessionEnded(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  const body: unknown = await response.clone().json().catch(() => null);
  return problemOf(401, body).code === "unauthenticated";
}

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Unreachable(error);
  }
}

function isSignIn(request: Request): boolean {
  return new URL(request.url).pathname === "/api/v1/session";
}

export const api = createClient<paths>({ baseUrl: "/api/v1", fetch: send });

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's content; a refusal is thrown as a `Problem`. */
export async function answer<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemOf(response.status, error);
  return data as T;
}

/** Sends JSON and gives the raw answer, for what is no JSON: files and event streams. */
export async function post(path: string, body: unknown, init: { accept: string; signal?: AbortSignal }): Promise<Response> {
  const request = new Request(`/api/v1${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: init.accept },
    body: JSON.stringify(body),
    signal: init.signal ?? null,
  });
  const response = await send(request);
  if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null));
  return response;
}

