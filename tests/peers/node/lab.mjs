// What the Python side tells the clients here: where the simulated tenant is, and its keys.
import { readFileSync } from "node:fs";

export const lab = JSON.parse(process.env.PEERS_LAB);
export const ownNames = process.env.PEERS_NAMES === "microsoft";
export const privateKey = readFileSync(lab.key, "utf8");
export const certificate = readFileSync(lab.pem, "utf8");

/** The claims of a JWT, unverified. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
}
