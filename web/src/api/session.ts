/** The console's own sign-in: who is here, and the calls around it. */
import { problemOf } from "./problem";
import { send } from "./client";

export type Role = "administrator" | "operator" | "viewer";

export interface Session {
  user: string;
  role: Role;
  totp: boolean;
  expires: string;
}

export interface SessionItem {
  id: string;
  user: string;
  created: string;
  last_seen: string;
  source: string;
  user_agent: string;
  current: boolean;
}

export interface User {
  id: string;
  user: string;
  role: Role;
  totp: boolean;
  created: string;
  last_sign_in: string | null;
}

export interface Credentials {
  user: string;
  password: string;
  code?: string;
}

/** Who is signed in; null when nobody is. */
export async function currentSession(signal: AbortSignal): Promise<Session | null> {
  const response = await send(new Request("/api/v1/session", { signal }));
  if (response.status === 401) return null;
  return read<Session>(response);
}

export const signIn = (credentials: Credentials) => call<Session>("POST", "/session", credentials);
export const signOut = () => call<null>("DELETE", "/session");
export const setUp = (request: { token: string; user: string; password: string }) => call<Session>("POST", "/setup", request);

export const sessions = async () => (await call<{ items: SessionItem[] }>("GET", "/sessions")).items;
export const endSession = (id: string) => call<null>("DELETE", `/sessions/${encodeURIComponent(id)}`);

export const users = async () => (await call<{ items: User[] }>("GET", "/users")).items;
export const addUser = (request: { user: string; password: string; role: Role }) => call<User>("POST", "/users", request);
export const editUser = (id: string, change: { role?: Role; password?: string; totp?: false }) => call<User>("PATCH", `/users/${encodeURIComponent(id)}`, change);
export const removeUser = (id: string) => call<null>("DELETE", `/users/${encodeURIComponent(id)}`);

export const changePassword = (request: { password: string; new_password: string }) => call<null>("POST", "/me/password", request);
export const startTotp = (password: string) => call<{ secret: string; otpauth_url: string }>("POST", "/me/totp", { password });
export const confirmTotp = (code: string) => call<{ recovery_codes: string[] }>("POST", "/me/totp/confirm", { code });
export const stopTotp = (password: string) => call<null>("DELETE", "/me/totp", { password });

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = new Headers(body === undefined ? [] : [["Content-Type", "application/json"]]);
  return read<T>(await send(new Request(`/api/v1${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body) })));
}

async function read<T>(response: Response): Promise<T> {
  const content: unknown = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw problemOf(response.status, content);
  return content as T;
}
