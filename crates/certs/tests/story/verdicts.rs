//! Every fixture gets the verdict that the script which made it expects (`tests/fixtures/verdicts.tsv`).

use std::path::PathBuf;

use certs::{ImportOptions, Password, import};

use crate::given::NOW;

/// A line of `verdicts.tsv`.
struct Expected {
    file: String,
    password: Option<Password>,
    /// Verdict, thumbprint, warnings, length of the chain.
    verdict: [String; 4],
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn expected() -> Vec<Expected> {
    let read = |line: &str| {
        let columns: Vec<_> = line.split('\t').collect();
        let [file, password, verdict @ ..] = <[&str; 6]>::try_from(columns).unwrap();
        Expected {
            file: file.to_owned(),
            password: Some(password).filter(|text| !text.is_empty()).map(Password::new),
            verdict: verdict.map(str::to_owned),
        }
    };
    let lines = std::fs::read_to_string(folder().join("verdicts.tsv")).unwrap();
    lines.lines().skip(1).map(read).collect()
}

fn judge(expected: &Expected) -> [String; 4] {
    let bytes = std::fs::read(folder().join(&expected.file)).unwrap();
    let options = ImportOptions { password: expected.password.as_ref(), thumbprint: None, now: NOW };
    match import(&bytes, &options) {
        Ok(checked) => {
            assert!(checked.key().matches(checked.leaf_der()), "{}", expected.file);
            let warnings: Vec<_> = checked.warnings().iter().map(|warning| warning.code).collect();
            [
                "imported".to_owned(),
                checked.details().thumbprint_sha1.clone(),
                warnings.join(","),
                checked.chain_der().len().to_string(),
            ]
        }
        Err(refusal) => {
            assert!(!refusal.hint().is_empty());
            [refusal.code().to_owned(), String::new(), String::new(), String::new()]
        }
    }
}

#[test]
fn every_fixture_gets_its_verdict() {
    let all = expected();
    assert!(all.len() > 200);
    let wrong: Vec<_> = all
        .iter()
        .map(|expected| (expected, judge(expected)))
        .filter(|(expected, judged)| expected.verdict != *judged)
        .map(|(expected, judged)| format!("{}: {judged:?} instead of {:?}", expected.file, expected.verdict))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
