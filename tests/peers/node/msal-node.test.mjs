// The simulator against Microsoft's @azure/msal-node, unchanged.
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { ConfidentialClientApplication, PublicClientApplication } from "@azure/msal-node";
import { certificate, claims, lab, ownNames, privateKey } from "./lab.mjs";

const GRAPH = ["https://graph.microsoft.com/.default"];
const thumbprintSha256 = createHash("sha256").update(new X509Certificate(certificate).raw).digest("hex");

function auth(more) {
  const known = ownNames ? {} : { knownAuthorities: [new URL(lab.login).host] };
  return { clientId: lab.client, authority: lab.authority, ...known, ...more };
}

async function token(more, scopes = GRAPH) {
  const app = new ConfidentialClientApplication({ auth: auth(more) });
  return (await app.acquireTokenByClientCredential({ scopes })).accessToken;
}

test("a certificate by its SHA-256 thumbprint", async () => {
  const clientCertificate = { privateKey, thumbprintSha256 };
  assert.equal(claims(await token({ clientCertificate })).appidacr, "2");
  assert.equal(claims(await token({ clientCertificate }, ["https://outlook.office365.com/.default"])).appidacr, "2");
});

test("a certificate with x5c", async () => {
  const clientCertificate = { privateKey, thumbprintSha256, x5c: certificate };
  assert.equal(claims(await token({ clientCertificate })).appidacr, "2");
});

test("a secret", async () => {
  assert.equal(claims(await token({ clientSecret: lab.secret })).appidacr, "1");
});

test("a wrong secret has its code", async () => {
  await assert.rejects(token({ clientSecret: "wrong" }), /AADSTS7000215|7000215/);
});

test("a refusal has its code, its correlation and what can be done about it", async () => {
  const app = new ConfidentialClientApplication({ auth: auth({ clientSecret: "wrong" }) });
  const correlationId = "11111111-2222-3333-4444-555555555555";
  await assert.rejects(app.acquireTokenByClientCredential({ scopes: GRAPH, correlationId }), (error) => {
    assert.deepEqual([error.errorCode, String(error.errorNo), error.correlationId], ["invalid_client", "7000215", correlationId]);
    return true;
  });
  const elsewhere = { clientSecret: lab.secret, authority: `${lab.login}/11111111-2222-3333-4444-555555555555` };
  // Of Microsoft's own hosts it knows the endpoints by heart; elsewhere it stumbles over the discovery document already.
  await assert.rejects(token(elsewhere), ownNames ? /AADSTS90002/ : /endpoints_resolution_error/);
  await assert.rejects(token({ clientSecret: lab.secret }, ["https://nobody.example/.default"]), /AADSTS500011/);
});

test("client capabilities and a claims request change nothing", async () => {
  const app = new ConfidentialClientApplication({ auth: auth({ clientSecret: lab.secret, clientCapabilities: ["CP1"] }) });
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
  assert.ok((await app.acquireTokenByClientCredential({ scopes: GRAPH, claims })).accessToken);
});

test("a user name and a password, right and wrong", async () => {
  const app = new PublicClientApplication({ auth: auth({}) });
  const given = { scopes: ["User.Read"], username: lab.user, password: lab.password };
  assert.equal((await app.acquireTokenByUsernamePassword(given)).account.username, lab.user);
  await assert.rejects(app.acquireTokenByUsernamePassword({ ...given, password: "wrong" }), /AADSTS50126/);
});

test("a device code, signed in on the pages", async () => {
  const app = new PublicClientApplication({ auth: auth({}) });
  const answer = await app.acquireTokenByDeviceCode({
    scopes: ["User.Read", "Mail.Send"],
    deviceCodeCallback: async (given) => {
      const body = new URLSearchParams({ uri: given.verificationUri, code: given.userCode });
      await fetch(lab.signIn, { method: "POST", body });
    },
  });
  assert.equal(answer.account.username, lab.user);
});

test("an authorization code with PKCE, then a refresh for SMTP", async () => {
  const app = new ConfidentialClientApplication({ auth: auth({ clientSecret: lab.secret }) });
  const redirectUri = "https://localhost:4443/authorize";
  const verifier = "v".repeat(64);
  const codeChallenge = createHash("sha256").update(verifier).digest("base64url");
  const scopes = ["User.Read", "Mail.Send"];
  const more = { loginHint: lab.user, domainHint: "contoso.example", prompt: "login", extraQueryParameters: { peers: "yes" } };
  const address = await app.getAuthCodeUrl({ scopes, redirectUri, codeChallenge, codeChallengeMethod: "S256", ...more });
  const body = new URLSearchParams({ uri: address });
  const { code } = await (await fetch(lab.signIn, { method: "POST", body })).json();
  const answer = await app.acquireTokenByCode({ scopes, redirectUri, code, codeVerifier: verifier });
  assert.equal(answer.account.username, lab.user);
  const outlook = await app.acquireTokenSilent({
    account: answer.account,
    scopes: ["https://outlook.office.com/SMTP.Send"],
  });
  assert.equal(claims(outlook.accessToken).aud, "https://outlook.office.com");
  const again = new ConfidentialClientApplication({ auth: auth({ clientSecret: lab.secret }) });
  await assert.rejects(again.acquireTokenByCode({ scopes, redirectUri, code, codeVerifier: verifier }), /AADSTS54005/);
});
