//! Where the checkout is: finds the folder that holds `fixtures/` and `target/`, and knows nothing of what is in them.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the checkout: the nearest folder, from the running package upward or else from the current
/// directory upward, that has both a `Cargo.toml` and a `fixtures/` folder. `None` outside of a checkout.
pub fn root() -> Option<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = env::current_dir().ok();
    [package, here]
        .into_iter()
        .flatten()
        .find_map(|start| root_above(&start))
}

/// The folder that holds the oracle builds: `$RESPECT_ORACLES`, or `target/oracles` of the checkout.
///
/// The variable lets several checkouts, or a CI cache, share one set of builds.
pub fn oracles() -> PathBuf {
    match env::var_os("RESPECT_ORACLES") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => root().unwrap_or_default().join("target/oracles"),
    }
}

/// The folder that holds the transcripts.
pub fn fixtures() -> PathBuf {
    root().unwrap_or_default().join("fixtures")
}

fn root_above(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|dir| dir.join("Cargo.toml").is_file() && dir.join("fixtures").is_dir())
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_root_is_found_from_a_folder_deep_inside() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("conformance/src");
        fs::create_dir_all(&deep).unwrap();
        fs::write(dir.path().join("conformance/Cargo.toml"), "").unwrap();
        assert_eq!(
            root_above(&deep),
            None,
            "a package without fixtures is not the root"
        );

        fs::create_dir(dir.path().join("fixtures")).unwrap();
        fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(root_above(&deep).as_deref(), Some(dir.path()));
    }
}
