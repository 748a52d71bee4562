// SPDX-License-Identifier: MIT

//! The reproducers of tests/reproducers under `run`, with the PyTorch that is there.

use super::faults::logged;
use std::path::Path;

/// Their code where there is no PyTorch.
const SKIPPED: i32 = 77;
/// That of `run` where there is no Python.
const NOT_FOUND: i32 = 127;

#[test]
fn they_run_or_say_why_not() {
    let tree = logged();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reproducers");
    for name in ["conv_squeeze.py", "backbone.py", "churn.py"] {
        let script = directory.join(name);
        let outcome = tree.run(&["run", "--", "python3", "-B", script.to_str().unwrap()]);
        match outcome.code {
            0 => assert!(outcome.out.starts_with("PyTorch "), "{outcome:?}"),
            SKIPPED => {
                assert!(outcome.out.starts_with("skipped: "), "{outcome:?}");
                eprint!("{name}: {}", outcome.out);
            }
            NOT_FOUND => eprintln!("{name}: skipped: there is no python3"),
            _ => panic!("{name}: {outcome:?}"),
        }
    }
}
