//! The transcripts that are kept: each reads, prints as itself and makes sense. What they say of servers is judged elsewhere.

use std::path::Path;

use respect_conformance::transcript::files::{check_files, read_folder};
use respect_conformance::transcript::{Severity, Transcript};

#[test]
fn every_fixture_prints_as_it_is_written_and_nothing_in_it_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let files = read_folder(&folder).unwrap();
    assert!(
        !files.is_empty(),
        "no transcript found below {}",
        folder.display()
    );
    let findings = check_files(&files);
    let told = findings
        .iter()
        .filter(|(_, finding)| finding.severity > Severity::Note);
    let told: Vec<String> = told
        .map(|(path, finding)| format!("fixtures/{}:{finding}", path.display()))
        .collect();
    assert!(
        told.is_empty(),
        "{} findings\n{}",
        told.len(),
        told.join("\n")
    );
    for file in &files {
        let transcript = Transcript::parse(&file.text).unwrap();
        assert_eq!(transcript.to_string(), file.text, "{}", file.path.display());
    }
}
