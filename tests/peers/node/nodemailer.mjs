// Nodemailer hands one message in by STARTTLS and one by TLS from the first octet; both checked against the authority
// that NODE_EXTRA_CA_CERTS names.
import nodemailer from "nodemailer";

const gate = JSON.parse(process.env.PEERS_GATE);

for (const [name, port, secure] of [["starttls", gate.starttls, false], ["implicit", gate.implicit, true]]) {
  const transport = nodemailer.createTransport({
    host: gate.host, port, secure, requireTLS: true, auth: { user: gate.user, pass: gate.password },
  });
  const sent = await transport.sendMail({
    from: gate.from, to: gate.to, subject: `nodemailer ${name}`, text: "One\n.\nTwo\n", html: "<p>Gr\u00fc\u00dfe</p>",
  });
  if (!sent.response.startsWith("250 ")) throw new Error(sent.response);
  transport.close();
}
