//! Runs the programs of others that judge what Postern writes. `tools/setup` installs them; a test fails
//! when one is missing, since an unjudged file proves nothing.

use std::process::Command;

/// Runs OpenSSL and gives what it printed, on both outputs; a refusal fails the test.
pub(crate) fn openssl(arguments: &[&str]) -> String {
    run("openssl", arguments)
}

/// Runs Java's keytool.
pub(crate) fn keytool(arguments: &[&str]) -> String {
    run("keytool", arguments)
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").output().unwrap_or_else(|error| {
            panic!("{program} is needed for this test ({error}); tools/setup installs it")
        });
    let [printed, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{program} {arguments:?} failed:\n{printed}{errors}");
    printed + &errors
}
