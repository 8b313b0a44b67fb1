//! Holds the JSON report to its published schema: the file is what the types say, and what is written keeps to the file.

use std::env;
use std::fs;
use std::path::PathBuf;

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::model::Report;
use super::sample;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json")
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let schema = schemars::schema_for!(Report);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    // To publish what has been changed: RESPECT_UPDATE=1 cargo test -p respect-conformance schema
    if env::var_os("RESPECT_UPDATE").is_some() {
        fs::write(file(), &text).unwrap();
    }
    let published = fs::read_to_string(file()).unwrap();
    assert!(
        published == text,
        "docs/report.schema.json is not that of the types; RESPECT_UPDATE=1 writes it anew"
    );
}

/// What a validator that knows only the published file says of a report.
fn check(report: &Value) -> Result<(), String> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(file()).unwrap()).unwrap();
    let mut compiler = Compiler::new();
    compiler.add_resource("mem:///report", schema).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("mem:///report", &mut schemas).unwrap();
    schemas
        .validate(report, index)
        .map_err(|error| format!("{error:#}"))
}

#[test]
fn a_report_keeps_to_the_schema_and_is_read_back_as_it_was() {
    let report = sample::full();
    let value: Value = serde_json::from_str(&report.to_json()).unwrap();
    check(&value).unwrap();
    assert_eq!(serde_json::from_value::<Report>(value).unwrap(), report);
}

#[test]
fn the_schema_refuses_what_no_report_may_be() {
    let report: Value = serde_json::from_str(&sample::full().to_json()).unwrap();
    for (pointer, wrong) in [
        ("/schema", Value::from("one")),
        ("/conclusion", Value::from("fine")),
        ("/cases/0/result/outcome", Value::from("SAME")),
        ("/cases/1/result/difference/actual", Value::from("bytes")),
    ] {
        let mut report = report.clone();
        *report.pointer_mut(pointer).unwrap() = wrong;
        assert!(check(&report).is_err(), "{pointer}");
    }
}
