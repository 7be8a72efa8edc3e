// A device that hands mail over by SMTP with STARTTLS, as scanners and servers do.
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";

/** @typedef {{ host: string, port: number, user: string, password: string }} Door */

/** Says a command and reads the whole reply; its last line is returned. @param {import("node:stream").Duplex} socket */
function conversation(socket) {
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const read = async () => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error("the door was shut");
      if (value[3] !== "-") return /** @type {string} */ (value);
    }
  };
  return {
    read,
    /** @param {string} command @param {number} [code] */
    say: async (command, code) => {
      socket.write(`${command}\r\n`);
      const reply = await read();
      if (code && !reply.startsWith(String(code))) throw new Error(`${command}: ${reply}`);
      return reply;
    },
  };
}

/** A device at the door, behind TLS and not yet logged in. @param {Door} door */
export async function knock({ host, port }) {
  const socket = connect({ host, port });
  await once(socket, "connect");
  const plain = conversation(socket);
  await plain.read();
  await plain.say("EHLO scanner.contoso.example", 250);
  await plain.say("STARTTLS", 220);
  // Whom the door is, is not what is tried here.
  const secure = connectTls({ socket, rejectUnauthorized: false });
  await once(secure, "secureConnect");
  const { say } = conversation(secure);
  await say("EHLO scanner.contoso.example", 250);
  return {
    /** What the door answers to this user and password. @param {string} user @param {string} password */
    logIn: (user, password) => say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString("base64")}`),
    /** Hands a small message over; what the door answers. @param {{ from: string, to: string, subject: string }} message */
    offer: async ({ from, to, subject }) => {
      const sender = await say(`MAIL FROM:<${from}>`);
      if (!sender.startsWith("250")) return sender;
      await say(`RCPT TO:<${to}>`, 250);
      await say("DATA", 354);
      return say(`From: Scanner <${from}>\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\nPage 1 of 1.\r\n.`);
    },
    close: () => secure.destroy(),
  };
}

/** A device that logs in, hands one message over and goes. @param {Door} door @param {{ from: string, to: string, subject: string }} message */
export async function handOver(door, message) {
  const device = await knock(door);
  const welcome = await device.logIn(door.user, door.password);
  if (!welcome.startsWith("235")) throw new Error(welcome);
  const reply = await device.offer(message);
  device.close();
  if (!reply.startsWith("250")) throw new Error(reply);
}
