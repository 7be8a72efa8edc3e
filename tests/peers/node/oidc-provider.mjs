// npm's oidc-provider as an identity provider that is strict where Entra isn't: private_key_jwt by PS256, PKCE required,
// refresh tokens that rotate, and a whole grant that ends when a used one comes again. Who signs in needs no page here.
// It prints its port, then one line of JSON for each event. argv[2]: {pem, client, redirect, scopes, user, accessSeconds};
// with `alg` the client is registered for that instead, of the `algs` that the provider lists; with secret and
// secretMethod it proves itself by a secret, in that way and no other.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const given = JSON.parse(process.argv[2]);
const tell = (event) => console.log(JSON.stringify(event));
const alg = given.alg ?? "PS256";
const jwk = new X509Certificate(readFileSync(given.pem)).publicKey.export({ format: "jwk" });

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: given.client,
        redirect_uris: [given.redirect],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        ...(given.secret
          ? { token_endpoint_auth_method: given.secretMethod, client_secret: given.secret }
          : {
              token_endpoint_auth_method: "private_key_jwt",
              token_endpoint_auth_signing_alg: alg,
              jwks: { keys: [{ ...jwk, use: "sig", alg }] },
            }),
      },
    ],
    enabledJWA: { clientAuthSigningAlgValues: given.algs ?? [alg] },
    cookies: { keys: ["peers"] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    scopes: ["openid", "profile", "offline_access", ...given.scopes],
    claims: { openid: ["sub", "preferred_username", "name", "email"] },
    conformIdTokenClaims: false,
    ttl: { AccessToken: given.accessSeconds, IdToken: 3600, RefreshToken: 86_400, Grant: 86_400, Session: 600, Interaction: 600 },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, interaction) => `/person/${interaction.uid}` },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: "Megan Bowen", preferred_username: given.user, email: given.user }),
    }),
  });
  for (const name of ["grant.success", "grant.error", "grant.revoked", "refresh_token.consumed", "refresh_token.saved"]) {
    provider.on(name, (subject, error) => {
      const params = subject?.oidc?.params ?? {};
      tell({ event: name, grant: params.grant_type, error: error?.error, detail: error?.error_detail });
    });
  }
  provider.on("authorization.error", (_ctx, error) => tell({ event: "authorization.error", error: error.error, detail: error.error_description }));
  const callback = provider.callback();
  server.on("request", async (request, response) => {
    if (!request.url.startsWith("/person/")) return callback(request, response);
    const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
    const result = { login: { accountId: "megan" } };
    if (prompt.name === "consent") {
      const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
      grant.addOIDCScope(params.scope);
      result.consent = { grantId: await grant.save() };
    }
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  });
  tell({ port: server.address().port });
});
