/** The console's own sign-in: who is here, and the calls around it. */
import { answer, api, type Schemas } from "./client";

export type Role = "administrator" | "operator" | "viewer";
export type Session = Omit<Schemas["Session"], "role"> & { role: Role };
export type SessionItem = Schemas["SessionItem"];
export type User = Omit<Schemas["User"], "role"> & { role: Role };

/** Who is signed in; null when nobody is. */
export async function currentSession(signal: AbortSignal): Promise<Session | null> {
  const session = await answer(api.GET("/session", { signal }));
  return session && withRole(session);
}

export const signIn = async (body: Schemas["SignInRequest"]) => withRole(await answer(api.POST("/session", { body })));
export const signOut = () => answer(api.DELETE("/session"));
/** Whether nobody can sign in before somebody has opened the set-up link. */
export const setUpNeeded = async ({ signal }: { signal: AbortSignal }) => (await answer(api.GET("/setup", { signal }))).needed;
export const setUp = async (body: Schemas["SetupRequest"]) => withRole(await answer(api.POST("/setup", { body })));

export const sessions = async () => (await answer(api.GET("/sessions", { params: { query: { limit: 500 } } }))).items;
export const endSession = (session: string) => answer(api.DELETE("/sessions/{session}", { params: { path: { session } } }));

export const users = async () => (await answer(api.GET("/users", { params: { query: { limit: 500 } } }))).items.map(withRole);
export const addUser = (body: Schemas["NewUser"]) => answer(api.POST("/users", { body }));
export const editUser = (user: string, body: Schemas["UserEdit"]) => answer(api.PATCH("/users/{user}", { params: { path: { user } }, body }));
export const removeUser = (user: string) => answer(api.DELETE("/users/{user}", { params: { path: { user } } }));

export const changePassword = (body: Schemas["PasswordChange"]) => answer(api.POST("/me/password", { body }));
export const startTotp = (password: string) => answer(api.POST("/me/totp", { body: { password } }));
export const confirmTotp = (code: string) => answer(api.POST("/me/totp/confirm", { body: { code } }));
export const stopTotp = (password: string) => answer(api.DELETE("/me/totp", { body: { password } }));

/** The document says of a role only that it is a text. One that we don't know may do the least. */
function withRole<T extends { role: string }>(item: T): Omit<T, "role"> & { role: Role } {
  const role = item.role === "administrator" || item.role === "operator" ? item.role : "viewer";
  return { ...item, role };
}
