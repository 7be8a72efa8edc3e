//! The verbs of `postern certificate` and their options.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

use crate::cli::password::PasswordSource;

#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    /// Import a certificate with its private key (PKCS#12 or PEM)
    #[command(after_help = "Examples:
  postern certificate import --name gate --file gate.pfx
  postern certificate import --name gate --file gate.pfx --password-file gate.password
  pass gate/pfx | postern certificate import --name gate --file gate.pfx --password-stdin")]
    Import(Import),
    /// Generate a self-signed certificate
    #[command(after_help = "Examples:
  postern certificate generate --name gate --output gate.cer
  postern certificate generate --name gate --key-size 4096 --days 730 --subject 'CN=gate, O=Contoso'")]
    Generate(Generate),
    /// List all certificates
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  postern certificate list
  postern certificate list --json | jq -r '.[] | select(.status != \"valid\") | .name'"
    )]
    List,
    /// Show one certificate
    #[command(after_help = "Examples:
  postern certificate show gate
  postern certificate show gate --json | jq -r .thumbprint_sha1")]
    Show(Which),
    /// Change a certificate's name or description
    #[command(after_help = "Examples:
  postern certificate edit gate --name 'gate 2026'
  postern certificate edit gate --description 'made for the backup servers'")]
    Edit(Edit),
    /// Put a new file under the same name; the accounts follow
    #[command(after_help = "Examples:
  postern certificate replace gate --file gate-2027.pfx --password-file gate.password")]
    Replace(Replace),
    /// Delete a certificate that no account uses
    #[command(
        visible_alias = "remove",
        after_help = "Examples:
  postern certificate delete gate
  postern certificate delete gate --yes"
    )]
    Delete(Delete),
    /// Write a certificate to a file: its public part, or all of it where it is exportable
    #[command(after_help = "Examples:
  postern certificate export gate --format cer --output gate.cer
  postern certificate export gate --format pem --output -
  postern certificate export gate --format pfx --output gate.pfx --password-file gate.password")]
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Name or id of the certificate
    #[arg(value_name = "CERTIFICATE", value_parser = NonEmptyStringValueParser::new())]
    pub(super) certificate: String,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Name under which it is stored
    #[arg(long)]
    pub(super) name: String,
    /// The file: .pfx, .p12 or .pem, with the private key
    #[arg(long, value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) password: PasswordSource,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// Allow that the private key is exported again
    #[arg(long)]
    pub(super) exportable: bool,
    /// Which certificate of a file that holds several keys (SHA-1 or SHA-256)
    #[arg(long, value_name = "THUMBPRINT")]
    pub(super) thumbprint: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Name under which it is stored
    #[arg(long)]
    pub(super) name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// Bits of the RSA key [default: 2048]
    #[arg(long, value_enum, value_name = "BITS")]
    pub(super) key_size: Option<KeySize>,
    /// Validity in days, 1 to 730 [default: 365]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=730))]
    pub(super) days: Option<u16>,
    /// Subject, for example 'CN=gate, O=Contoso' [default: CN=<name>]
    #[arg(long)]
    pub(super) subject: Option<String>,
    /// Allow that the private key is exported
    #[arg(long)]
    pub(super) exportable: bool,
    /// Save the public certificate here (a file that exists is replaced; - is standard output)
    #[arg(long, value_name = "FILE.cer")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum KeySize {
    #[value(name = "2048")]
    Bits2048,
    #[value(name = "3072")]
    Bits3072,
    #[value(name = "4096")]
    Bits4096,
}

impl KeySize {
    pub(super) const fn bits(self) -> u16 {
        match self {
            Self::Bits2048 => 2048,
            Self::Bits3072 => 3072,
            Self::Bits4096 => 4096,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    pub(super) which: Which,
    #[command(flatten)]
    pub(super) changes: Changes,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Changes {
    /// The new name
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The new description; '' removes it
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Replace {
    #[command(flatten)]
    pub(super) which: Which,
    /// The new file: .pfx, .p12 or .pem, with the private key
    #[arg(long, value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) password: PasswordSource,
    /// Which certificate of a file that holds several keys (SHA-1 or SHA-256)
    #[arg(long, value_name = "THUMBPRINT")]
    pub(super) thumbprint: Option<String>,
    /// Allow that the new private key is exported
    #[arg(long)]
    pub(super) exportable: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(super) which: Which,
    /// Don't ask
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(super) which: Which,
    /// cer and pem: the public part; pfx: with the private key
    #[arg(long, value_enum)]
    pub(super) format: Format,
    /// The file to write (a regular file that exists is replaced; - is standard output)
    #[arg(long, value_name = "FILE")]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) password: PasswordSource,
    /// How a .pfx is encrypted: aes256, or 3des for old programs
    #[arg(long, value_enum, default_value = "aes256")]
    pub(super) profile: Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Cer,
    Pem,
    Pfx,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Profile {
    Aes256,
    #[value(name = "3des")]
    TripleDes,
}
