/** What can be done with certificates, and which field a refusal belongs to. */
import { answer, api, post } from "../api/client";
import { Problem } from "../api/problem";
import type { Certificate } from "../api/queries";
import type { Schemas } from "../api/client";

export const MAX_FILE_BYTES = 1024 * 1024;
export const CERTIFICATE_FILES = ".pfx,.p12,.pem,.crt,.key,.txt,application/x-pkcs12";

export type CertificateField = "name" | "description" | "file" | "password" | "repeat_password" | "subject";

const FIELD_OF_CODE: Record<string, CertificateField> = {
  name_taken: "name",
  wrong_password: "password",
  passwords_differ: "repeat_password",
  not_pkcs12: "file",
  unsupported_algorithm: "file",
  no_certificate: "file",
  no_private_key: "file",
  several_keys: "file",
  key_mismatch: "file",
  not_rsa: "file",
  key_too_small: "file",
  expired: "file",
  too_large: "file",
  duplicate: "file",
};

/** The field to blame, if there is one among those that the dialog has. */
export function blamed(error: unknown): { field: CertificateField; text: string } | null {
  if (!(error instanceof Problem)) return null;
  const field = FIELD_OF_CODE[error.code] ?? (error.field as CertificateField | undefined);
  return field ? { field, text: error.atField } : null;
}

export const importCertificate = (request: Schemas["ImportRequest"]) => answer(api.POST("/certificates/import", { body: request }));
export const generateCertificate = (request: Schemas["GenerateRequest"]) => answer(api.POST("/certificates/generate", { body: request }));
export const editCertificate = (id: string, change: Schemas["EditRequest"]) =>
  answer(api.PATCH("/certificates/{certificate}", { params: { path: { certificate: id } }, body: change }));
export const replaceCertificate = (id: string, request: Schemas["ReplaceRequest"]) =>
  answer(api.POST("/certificates/{certificate}/replace", { params: { path: { certificate: id } }, body: request }));
export const deleteCertificate = (id: string) => answer(api.DELETE("/certificates/{certificate}", { params: { path: { certificate: id } } }));

/** Lets the browser download the public part. */
export function download(certificate: Certificate, format: "cer" | "pem"): void {
  follow(`/api/v1/certificates/${certificate.id}/download?format=${format}`, `${certificate.name}.${format}`);
}

/** Fetches the private key under a password and hands it to the browser as a file. */
export async function exportPfx(certificate: Certificate, request: Schemas["ExportRequest"]): Promise<void> {
  const response = await post(`/certificates/${certificate.id}/export`, request, { accept: "application/x-pkcs12" });
  const address = URL.createObjectURL(await response.blob());
  follow(address, `${certificate.name}.pfx`);
  // The browser has taken its copy by then.
  window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function follow(address: string, fileName: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
}

export async function base64(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(text);
}

/** The name that a file suggests. */
export function nameOf(file: File): string {
  return file.name.replace(/\.(pfx|p12|pem|crt|txt)$/i, "").slice(0, 100);
}
