//! Builds the web console into the binary.
//!
//! `web/` is copied to OUT_DIR first, so that a build leaves nothing in the source tree. npm installs there only when the
//! lock file has changed. Without npm, or without a network, the binary gets a page that says how to get the console;
//! `POSTERN_REQUIRE_CONSOLE=1` makes that an error, for releases.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What the console is built from. Tests and what npm and Vite leave behind are not.
const SOURCES: [&str; 7] =
    ["src", "public", "index.html", "vite.config.ts", "tsconfig.json", "package.json", "package-lock.json"];
const REQUIRED: &str = "POSTERN_REQUIRE_CONSOLE";

fn main() {
    let web = PathBuf::from(env_var("CARGO_MANIFEST_DIR")).join("../../web");
    let out = PathBuf::from(env_var("OUT_DIR"));
    let (copy, console) = (out.join("web"), out.join("console"));
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    println!("cargo::rerun-if-env-changed={REQUIRED}");

    copy_sources(&web, &copy).expect("OUT_DIR can be written");
    match install(&copy) {
        Ok(()) => build(&copy, &console),
        Err(why) if env::var_os(REQUIRED).is_some_and(|value| value == "1") => {
            panic!("{REQUIRED} is set and the console can't be built: {why}")
        }
        Err(why) => {
            println!("cargo::warning=this binary has no web console: {why}");
            put_placeholder(&console).expect("OUT_DIR can be written");
        }
    }
}

fn env_var(name: &str) -> String {
    env::var(name).expect("cargo sets it")
}

fn copy_sources(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for source in SOURCES {
        let target = to.join(source);
        // A file that is gone from the source must be gone from the copy.
        if target.is_dir() {
            fs::remove_dir_all(&target)?;
        }
        copy(&from.join(source), &target)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Brings what the lock file names, unless it is there already.
fn install(web: &Path) -> Result<(), String> {
    let lock =
        fs::read(web.join("package-lock.json")).map_err(|error| format!("package-lock.json: {error}"))?;
    let installed = web.join("installed-lock.json");
    if fs::read(&installed).is_ok_and(|before| before == lock) {
        return Ok(());
    }
    // A half-done installation must not pass for a whole one.
    let _ = fs::remove_file(&installed);
    npm(web, &["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])?;
    fs::write(&installed, lock).map_err(|error| error.to_string())
}

/// What is installed and doesn't build is our mistake, and no reason for a placeholder.
fn build(web: &Path, console: &Path) {
    let console = console.to_str().expect("OUT_DIR is UTF-8, as cargo demands");
    let built = npm(
        web,
        &["exec", "--", "vite", "build", "--outDir", console, "--emptyOutDir", "--logLevel", "warn"],
    );
    if let Err(why) = built {
        panic!("the console doesn't build: {why}");
    }
}

fn npm(directory: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("npm").args(arguments).current_dir(directory).output();
    let output =
        output.map_err(|error| format!("npm can't be started ({error}); Node.js 20 or later brings it"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).lines().collect::<Vec<_>>().join(" | ");
    Err(format!("npm {} failed: {said}", arguments.first().copied().unwrap_or_default()))
}

fn put_placeholder(console: &Path) -> io::Result<()> {
    if console.is_dir() {
        fs::remove_dir_all(console)?;
    }
    fs::create_dir_all(console)?;
    fs::write(console.join("index.html"), PLACEHOLDER)
}

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Postern</title>\n\
    <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
    <style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1rem}</style></head>\n\
    <body><main><h1>This Postern has no web console</h1>\n\
    <p>It was built on a machine without npm. Everything else works: the command line (<code>postern --help</code>) and the \
    REST API (<a href=\"/api/docs/\">/api/docs</a>).</p>\n\
    <p>To get the console, install Node.js 20 or later and build Postern again: <code>cargo build --release</code>. \
    With <code>POSTERN_REQUIRE_CONSOLE=1</code> a build without it fails instead.</p></main></body></html>\n";
