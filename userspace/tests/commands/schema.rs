// SPDX-License-Identifier: MIT

//! The JSON Schemas of `status --json` and of the `rocm` commands, against which every test's document
//! is held.

use jsonschema::Validator;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static STATUS: LazyLock<Validator> =
    LazyLock::new(|| validator(include_str!("../../schema/status.json"), None));

/// Those of the `rocm` commands, by their names.
static ROCM: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let of = |definition| validator(include_str!("../../schema/rocm.json"), Some(definition));
    [
        ("list", of("list")),
        ("check", of("check")),
        ("apply", of("check")),
        ("reverse", of("reverse")),
        ("build", of("build")),
        ("env", of("env")),
    ]
    .into()
});

/// The validator of a schema, or of one of its definitions.
fn validator(schema: &str, definition: Option<&str>) -> Validator {
    let mut schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    if let Some(definition) = definition {
        schema = json!({ "$ref": format!("#/$defs/{definition}"), "$defs": schema["$defs"] });
    }
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Whether a document is a status.
pub(crate) fn is_status(document: &Value) -> bool {
    STATUS.is_valid(document)
}

/// Panics with what is wrong with a status.
pub(crate) fn expect_status(document: &Value) {
    expect(&STATUS, document);
}

/// Panics with what is wrong with what a `rocm` command told.
pub(crate) fn expect_rocm(command: &str, document: &Value) {
    expect(&ROCM[command], document);
}

fn expect(validator: &Validator, document: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0], "{document:#}");
}
