//! Our own troubles bring their words along; here is whose turn it is, and the words for a code that comes
//! without them: out of a log, an answer of the API, or the list of accounts.

use super::Turn;
use crate::failure::LocalTrouble;

pub(super) fn turn(trouble: &LocalTrouble) -> Turn {
    match trouble.code {
        "bare_line_break" | "message_too_large" | "extension_not_offered" => Turn::Sender,
        _ if trouble.is_temporary() => Turn::Wait,
        _ => Turn::PosternAdministrator,
    }
}

/// The trouble that one of Postern's own codes stands for.
pub(super) fn find(code: &str) -> Option<LocalTrouble> {
    let (code, cause, fix) = CODES.iter().find(|(known, _, _)| *known == code)?;
    Some(LocalTrouble::new(code, *cause, *fix))
}

/// Code, what it means, what to do.
const CODES: &[(&str, &str, &str)] = &[
    // The account.
    ("incomplete", "A setting that the account can't do without is missing.", FILL_IN),
    (
        "needs_sign_in",
        "Nobody has signed in for the account yet, or the sign-in belonged to a tenant or application that was changed since.",
        "Press Authorize now in Settings > Email Settings, or run `postern account authorize A`, and sign in as the mailbox that sends.",
    ),
    (
        "issuer_mismatch",
        "Another sign-in service answered than the one that the account uses. Nothing was sent to it.",
        "Start the sign-in again from Postern. If it comes back, check the cloud and the tenant, and look who sent you the link.",
    ),
    (
        "refresh_token_missing",
        "The sign-in service gave no refresh token, without which the account would stop working within the hour.",
        "At a provider of your own, allow the scope offline_access for the application. Then press Authorize now again.",
    ),
    // The credential.
    ("certificate_expired", "The client certificate has expired.", RENEW),
    (
        "certificate_not_yet_valid",
        "The client certificate isn't valid yet by this machine's clock.",
        "Wait until it is, or check the clock (`timedatectl`); else choose another certificate.",
    ),
    ("certificate_unreadable", "The client certificate in the store can't be read.", RESTORE_OR_REPLACE),
    (
        "key_damaged",
        "The certificate's private key in the store is damaged and can't be opened.",
        RESTORE_OR_REPLACE,
    ),
    (
        "secret_damaged",
        "The client secret in the store is damaged and can't be opened.",
        "Restore the database and its master key from one backup; or give the secret again: `postern account edit A --secret-stdin`.",
    ),
    // The way.
    (
        "starttls_not_offered",
        "The SMTP server doesn't offer TLS, so Postern says nothing to it.",
        "Look for a firewall or antivirus that inspects SMTP on port 587, and exempt Postern. With a [[cloud]] of your own, check `smtp` in postern.toml.",
    ),
    (
        "xoauth2_not_offered",
        "The SMTP server doesn't take OAuth log-ins (AUTH XOAUTH2): it isn't Exchange Online.",
        "With a [[cloud]] of your own, check `smtp` in postern.toml. With Microsoft's clouds, look for a firewall or antivirus that inspects SMTP.",
    ),
    (
        "no_trusted_roots",
        "This system has no list of trusted certificate authorities, so that nobody can be trusted.",
        "Install ca-certificates, or set trusted_roots = \"built_in\" in postern.toml.",
    ),
    (
        "proxy_unusable",
        "The proxy in the settings can't be used.",
        "Give it as http://user:password@host:port.",
    ),
    // The message.
    (
        "message_too_large",
        "The message is larger than the server takes.",
        "Send a smaller message, or put the attachment where it can be fetched.",
    ),
    (
        "bare_line_break",
        "The message has a CR or an LF that stands alone. Some servers take that for the end of a message, so it isn't sent.",
        "The program that made the message must end each line with CRLF.",
    ),
    (
        "extension_not_offered",
        "The message needs something that the server doesn't offer (8BITMIME or SMTPUTF8).",
        "Exchange Online offers both: check the SMTP server of the account's cloud, and what stands between.",
    ),
    // A certificate that isn't imported.
    (
        "not_pkcs12",
        "The file is neither PKCS#12 (.pfx, .p12) nor PEM with a private key, or it is damaged.",
        "Export it again with its private key. A .cer or .crt holds no key and can't be imported.",
    ),
    (
        "wrong_password",
        "The password doesn't open the file.",
        "Type it again; case counts. A file may also have no password at all: leave the field empty then.",
    ),
    (
        "unsupported_algorithm",
        "The file is protected by a cipher that Postern doesn't read; the message names it.",
        "Export it again with AES-256, or with TripleDES-SHA1: in Windows the export wizard asks, with OpenSSL `openssl pkcs12 -export` does it.",
    ),
    (
        "no_certificate",
        "The file holds no certificate.",
        "Export the certificate together with its private key.",
    ),
    (
        "no_private_key",
        "The file holds a certificate without its private key.",
        "In Windows, export with \"Yes, export the private key\"; from Azure Key Vault take the secret of that name, not the certificate.",
    ),
    (
        "several_keys",
        "The file holds several private keys, and Postern doesn't guess which one is meant.",
        "Choose one by its thumbprint: `postern certificate import … --thumbprint T`.",
    ),
    (
        "key_mismatch",
        "The private key doesn't belong to the certificate.",
        "Export the pair again from where it is in use.",
    ),
    ("not_rsa", "The key isn't an RSA key, and Microsoft takes no other for client credentials.", GENERATE),
    ("key_too_small", "The RSA key has less than the 2048 bits that Microsoft asks for.", GENERATE),
    ("expired", "The certificate has expired, and Microsoft would refuse it.", GENERATE),
];

const FILL_IN: &str = "Fill it in at Settings > Email Settings, or run `postern account edit A`. Application sign-in needs From.";
const RENEW: &str = "Generate or import a new certificate (Settings > Inventory > Manage > Certificates), upload its .cer at \
     Microsoft Entra ID > App registrations > the application > Certificates & secrets > Upload certificate, and choose it in Settings > Email Settings.";
const RESTORE_OR_REPLACE: &str = "Restore the database and its master key from one backup; or put the certificate in its place again from its file: \
     `postern certificate replace X --file F`.";
const GENERATE: &str = "Generate one in Postern: Settings > Inventory > Manage > Certificates > Generate Certificate, or `postern certificate generate --name NAME`.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_our_own_codes_has_words_fit_to_be_shown() {
        for (code, cause, fix) in CODES {
            assert!(
                code.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte)),
                "{code}"
            );
            assert!(cause.ends_with('.') && fix.ends_with('.') && !fix.contains("  "), "{code}");
            assert_eq!(CODES.iter().filter(|(other, _, _)| other == code).count(), 1, "{code}");
        }
    }
}
