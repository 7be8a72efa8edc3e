// The simulator against Microsoft's @azure/identity and @microsoft/microsoft-graph-client, unchanged.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientCertificateCredential, ClientSecretCredential, EnvironmentCredential } from "@azure/identity";
import { BatchRequestContent, Client, FileUpload, LargeFileUploadTask } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";
import { claims, lab, ownNames } from "./lab.mjs";

const GRAPH = "https://graph.microsoft.com/.default";
const surroundings = { authorityHost: lab.login, disableInstanceDiscovery: !ownNames };
const secret = () => new ClientSecretCredential(lab.tenant, lab.client, lab.secret, surroundings);

function graph() {
  const authProvider = new TokenCredentialAuthenticationProvider(secret(), { scopes: [GRAPH] });
  const elsewhere = ownNames ? {} : { baseUrl: `${lab.graph}/`, customHosts: new Set([new URL(lab.graph).hostname]) };
  return Client.initWithMiddleware({ authProvider, ...elsewhere });
}

const message = (subject, address = "bob@else.example") => ({
  subject,
  body: { contentType: "Text", content: "hello" },
  toRecipients: [{ emailAddress: { address } }],
});

async function arrived(subject) {
  const all = await (await fetch(`${lab.control}/mailboxes/bob@else.example/messages`)).json();
  const texts = all.map((one) => Buffer.from(one.mime, "base64").toString());
  return texts.filter((text) => text.includes(`Subject: ${subject}\r\n`));
}

/** The header of the last assertion that the simulator was given. */
async function assertionHeader() {
  const all = await (await fetch(`${lab.control}/requests`)).json();
  return all.findLast((one) => one.form?.client_assertion).form.client_assertion.header;
}

test("a certificate, and one with its chain", async () => {
  for (const [more, certificates] of [[{}, undefined], [{ sendCertificateChain: true }, 2]]) {
    const made = new ClientCertificateCredential(lab.tenant, lab.client, lab.both, { ...surroundings, ...more });
    assert.equal(claims((await made.getToken(GRAPH)).token).appidacr, "2");
    assert.equal((await assertionHeader()).x5c?.length, certificates);
  }
});

test("a secret", async () => {
  assert.equal(claims((await secret().getToken(GRAPH)).token).appidacr, "1");
});

test("what the environment says", async () => {
  const env = { AZURE_TENANT_ID: lab.tenant, AZURE_CLIENT_ID: lab.client, AZURE_CLIENT_CERTIFICATE_PATH: lab.both };
  Object.assign(process.env, env);
  const made = new EnvironmentCredential(surroundings);
  for (const name of Object.keys(env)) delete process.env[name];
  assert.equal(claims((await made.getToken(GRAPH)).token).appidacr, "2");
});

test("sendMail", async () => {
  await graph().api(`/users/${lab.user}/sendMail`).post({ message: message("by graph client") });
  assert.equal((await arrived("by graph client")).length, 1);
});

test("a draft with a large attachment by upload session", async () => {
  const client = graph();
  const draft = await client.api(`/users/${lab.user}/messages`).post(message("by js draft"));
  const content = Buffer.alloc(5_000_000, "0123456789");
  const here = `/users/${lab.user}/messages/${draft.id}`;
  const session = await LargeFileUploadTask.createUploadSession(client, `${here}/attachments/createUploadSession`, {
    AttachmentItem: { attachmentType: "file", name: "big.bin", size: content.length },
  });
  const file = new FileUpload(content, "big.bin", content.length);
  await new LargeFileUploadTask(client, file, session, { rangeSize: 3_276_800 }).upload();
  await client.api(`${here}/send`).post({});
  const [text] = await arrived("by js draft");
  const encoded = content.toString("base64");
  assert.ok(text.replaceAll("\r\n", "").includes(encoded), "the file is inside, whole");
});

test("a batch, and MIME", async () => {
  const address = `https://graph.microsoft.com/v1.0/users/${lab.user}/sendMail`;
  const headers = { "Content-Type": "application/json" };
  const step = (id, subject) => {
    const body = JSON.stringify({ message: message(subject) });
    return { id, request: new Request(address, { method: "POST", body, headers }) };
  };
  const batch = new BatchRequestContent([step("1", "first of a batch"), step("2", "second of a batch")]);
  const { responses } = await graph().api("/$batch").post(await batch.getContent());
  assert.deepEqual(responses.map((one) => [one.id, one.status]), [["1", 202], ["2", 202]]);
  const mime = "From: megan@contoso.example\r\nTo: bob@else.example\r\nSubject: mime by js\r\n\r\nhello\r\n";
  const encoded = Buffer.from(mime).toString("base64");
  await graph().api(`/users/${lab.user}/sendMail`).header("Content-Type", "text/plain").post(encoded);
  for (const subject of ["first of a batch", "second of a batch", "mime by js"]) {
    assert.equal((await arrived(subject)).length, 1, subject);
  }
});

test("throttling is waited out as Retry-After says", async () => {
  const set = (change) => fetch(`${lab.control}/switches`, { method: "PUT", body: JSON.stringify(change) });
  await set({ graph_throttle_seconds: 1 });
  const sent = graph().api(`/users/${lab.user}/sendMail`).post({ message: message("after a while") });
  await throttled();
  await set({ graph_throttle_seconds: 0 });
  await sent;
  assert.equal((await arrived("after a while")).length, 1);
});

/** Comes back once the simulator has refused a call. */
async function throttled() {
  for (;;) {
    const asked = await (await fetch(`${lab.control}/requests`)).json();
    if (asked.some((one) => one.status === 429)) return;
  }
}

test("errors carry their codes", async () => {
  const post = graph().api(`/users/${lab.user}/sendMail`).post({ message: message("never", "permerror@else.example") });
  await assert.rejects(post, (error) => error.code === "ErrorInvalidRecipients" && error.statusCode === 400);
});
