// npm's smtp-server as a mail server that takes XOAUTH2 only, and verifies tokens itself by the tenant's published keys.
// It prints its port, then one line of JSON for each event. argv[2]: {jwks, key, cert, starttls, secondsAhead, onlyUser, open, anyToken, commandOctets}.
// With `open` it is a sink that takes mail from anyone; longer AUTH commands than `commandOctets` it doesn't take.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { SMTPServer } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";

const given = JSON.parse(process.argv[2]);
const tell = (event) => console.log(JSON.stringify(event));

function judge(token) {
  const parts = token.split(".");
  if (parts.length !== 3) return "not a JWT";
  const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));
  const jwk = given.jwks.keys.find((key) => key.kid === header.kid);
  if (!jwk || header.alg !== "RS256") return "unknown key";
  const signed = Buffer.from(parts.slice(0, 2).join("."));
  const key = createPublicKey({ key: jwk, format: "jwk" });
  if (!verify("RSA-SHA256", signed, key, Buffer.from(parts[2], "base64url"))) return "bad signature";
  if (!claims.aud.startsWith("https://outlook.office")) return "wrong audience";
  if (claims.exp < Date.now() / 1000 + (given.secondsAhead ?? 0)) return "expired";
  return null;
}

// RFC 4954, 4: an initial response has to fit into a command line, whose CRLF counts (RFC 5321, 4.5.3.1.4).
const takeAuth = SMTPConnection.prototype.handler_AUTH;
SMTPConnection.prototype.handler_AUTH = function (command, done) {
  const octets = command.length + 2;
  if (!given.commandOctets || octets <= given.commandOctets) return takeAuth.call(this, command, done);
  tell({ tooLong: octets });
  this.send(500, "5.5.6 line too long");
  done();
};

const server = new SMTPServer({
  name: "localhost",
  key: readFileSync(given.key),
  cert: readFileSync(given.cert),
  authMethods: ["XOAUTH2"],
  authOptional: given.open ?? false,
  disabledCommands: given.starttls === false ? ["STARTTLS"] : [],
  disableReverseLookup: true,
  onAuth(auth, session, done) {
    const fault = (given.anyToken ? null : judge(auth.accessToken)) ?? (given.onlyUser && given.onlyUser !== auth.username ? "other user" : null);
    tell({ auth: auth.username, fault, secure: session.secure, tokenOctets: auth.accessToken.length });
    if (!fault) return done(null, { user: auth.username });
    done(null, { data: { status: "401", schemes: "bearer mac", scope: "https://outlook.office.com/" } });
  },
  onRcptTo(address, _session, done) {
    if (address.address.startsWith("nobody")) return done(Object.assign(new Error("no such user"), { responseCode: 550 }));
    done();
  },
  onData(stream, session, done) {
    let size = 0;
    stream.on("data", (chunk) => (size += chunk.length));
    stream.on("end", () => {
      const { mailFrom, rcptTo } = session.envelope;
      tell({ mail: { from: mailFrom.address, to: rcptTo.map((one) => one.address), size } });
      done(null, "taken");
    });
  },
});
server.on("error", (error) => tell({ error: error.message }));
server.listen(0, "127.0.0.1", () => tell({ port: server.server.address().port }));
