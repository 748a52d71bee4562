// SPDX-License-Identifier: MIT

//! The JSON Schema of `status --json`, against which every test's document is held.

use jsonschema::Validator;
use serde_json::Value;
use std::sync::LazyLock;

static STATUS: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../schema/status.json")).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
});

/// Whether a document is a status.
pub(crate) fn is_status(document: &Value) -> bool {
    STATUS.is_valid(document)
}

/// Panics with what is wrong with a status.
pub(crate) fn expect_status(document: &Value) {
    let errors: Vec<String> = STATUS
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0], "{document:#}");
}
