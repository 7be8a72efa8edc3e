//! How many assertions are signed in a second beside `openssl speed rsa2048` in the same run, and how long a PKCS#12 file
//! of each kind takes to be imported.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use certs::assertion::{Claims, Form, sign};
use certs::{CheckedCertificate, GenerateOptions, ImportOptions, KeyBits, Password, Subject, ValidityDays};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-21 8:00 UTC);
const MEASURE: Duration = Duration::from_secs(5);

/// Files of the fixtures, and what they stand for.
const FILES: &[(&str, &str)] = &[
    ("openssl_default_chain.pfx", "OpenSSL 3 default: AES-256, 2,048 iterations"),
    ("openssl_legacy_chain.pfx", "OpenSSL 1.1 default: RC2-40 and 3DES"),
    ("openssl_3des.pfx", "old Windows: 3DES and SHA-1"),
    ("openssl_camellia_256.pfx", "Camellia-256"),
];

/// And of those that were given, with their password in the manifest.
const GIVEN: &[(&str, &str)] = &[
    ("15_aes_iter600k.pfx", "600,000 iterations"),
    ("23_pbmac1_sha256.pfx", "PBMAC1"),
    ("30_keytool_default.pfx", "keytool: 10,000 iterations"),
    ("50_nss_default.pfx", "NSS, BER"),
    ("52_gnutls.pfx", "GnuTLS: 600,000 iterations"),
];

fn main() {
    let ours = assertions_a_second(&generate(), Form::Ps256);
    let theirs = openssl_signatures_a_second();
    println!("assertions a second, PS256, one core: {ours:.0}");
    println!(
        "openssl speed rsa2048, signatures a second: {theirs:.0}; ours are {:.2} of that",
        ours / theirs
    );
    let rs256 = assertions_a_second(&generate(), Form::Rs256);
    println!("assertions a second, RS256, one core: {rs256:.0}");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pfx");
    for (name, what) in FILES {
        time_import(&fixtures.join("made").join(name), "hunter2", what);
    }
    let manifest =
        std::fs::read_to_string(fixtures.join("given/manifest.tsv")).expect("the manifest is there");
    for (name, what) in GIVEN {
        let line = manifest.lines().find(|line| line.starts_with(name)).expect("the manifest lists it");
        let password = line.split('\t').nth(1).expect("a password");
        time_import(&fixtures.join("given").join(name), password, what);
    }
}

fn generate() -> CheckedCertificate {
    let subject = Subject::common_name("bench").expect("a plain name");
    let options = GenerateOptions { subject, key_bits: KeyBits::Rsa2048, days: ValidityDays::default() };
    certs::generate(&options, NOW).expect("generates")
}

fn assertions_a_second(certificate: &CheckedCertificate, form: Form) -> f64 {
    let (start, mut made) = (Instant::now(), 0_u32);
    while start.elapsed() < MEASURE {
        let claims = Claims {
            client_id: "11111111-2222-3333-4444-555555555555",
            audience: "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
            issued_at: NOW,
            lifetime: time::Duration::minutes(10),
            jti: "0198",
        };
        std::hint::black_box(sign(certificate.key(), certificate.leaf_der(), form, &claims).expect("signs"));
        made += 1;
    }
    f64::from(made) / start.elapsed().as_secs_f64()
}

/// The column of signatures a second in the last line: `rsa  2048 bits 0.000373s 0.000011s   2680.4  92512.0`.
fn openssl_signatures_a_second() -> f64 {
    let seconds = MEASURE.as_secs().to_string();
    let ran = Command::new("openssl").args(["speed", "-seconds", &seconds, "rsa2048"]).output();
    let told = String::from_utf8(ran.expect("openssl is installed (tools/setup)").stdout).expect("text");
    let line = told.lines().rfind(|line| line.starts_with("rsa")).expect("a line with the result");
    let columns: Vec<&str> = line.split_whitespace().collect();
    columns[columns.len() - 2].parse().expect("signatures a second")
}

/// The fastest of some tries: what else the machine does only adds to it.
fn time_import(file: &Path, password: &str, what: &str) {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let password = Password::new(password);
    let options = ImportOptions { password: Some(&password), thumbprint: None, now: NOW };
    let times = (0..5).map(|_| {
        let start = Instant::now();
        // A fixture may hold what is refused in the end; reading it takes the same time.
        let _ = std::hint::black_box(certs::import(&bytes, &options));
        start.elapsed()
    });
    println!("import, {what}: {:.1?}", times.min().expect("five tries"));
}
