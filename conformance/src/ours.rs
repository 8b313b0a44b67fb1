//! Builds the server of this checkout. The judge never links it: it is started as any other program is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is shipped.
    Release,
    /// As `cargo test` builds it, which usually has just happened.
    Dev,
}

/// Builds the server of the checkout at `root`, so that nobody judges yesterday's, and returns its program.
///
/// # Errors
/// When cargo cannot be run or fails; it has told its reasons on the standard error stream.
pub fn build(root: &Path, profile: Profile) -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--quiet",
            "-p",
            "respect-server",
            "--bin",
            "respect-server",
        ])
        .current_dir(root);
    let folder = match profile {
        Profile::Release => {
            command.arg("--release");
            "release"
        }
        Profile::Dev => "debug",
    };
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("our server cannot be built: cargo: {status}")),
        Err(error) => return Err(format!("our server cannot be built: cargo: {error}")),
    }
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    Ok(target.join(folder).join("respect-server"))
}
