//! Tells the program which sources and which compiler it was made of; `bench` writes both into its history.

use std::env;
use std::path::Path;
use std::process::Command;

/// The folders whose files decide whether the sources are those of the commit.
const SOURCES: [&str; 8] =
    ["src", "sim-core", "mem-hierarchy", "compaction-engine", "gpu-model", "workloads", "results", "configs"];

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = answer(&rustc, &["--version"]);
    let version = version.as_deref().and_then(|text| text.split_whitespace().nth(1)).unwrap_or("unknown");
    println!("cargo::rustc-env=SPARTAN_RUSTC={version}");
    let commit = answer("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    println!("cargo::rustc-env=SPARTAN_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    // A commit changes the log of HEAD, and an edit one of the folders.
    let log = answer("git", &["rev-parse", "--git-path", "logs/HEAD"]);
    let watched = SOURCES.into_iter().chain(["build.rs", "Cargo.toml", "Cargo.lock"]).chain(log.as_deref());
    for path in watched.filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// What `program` prints, where it can be run and succeeds.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
