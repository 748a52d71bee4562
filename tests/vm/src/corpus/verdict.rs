// SPDX-License-Identifier: MIT

//! Whether two readers say the same of a kernel.

use super::kernel::Evidence;
use anyhow::{ensure, Context, Result};
use rmcp_oracle::{bpftool, bytes, elf, fnv1a64, Opinion};
use serde::Serialize;
use serde_json::{json, Map, Value};
use std::fmt;

/// What comparing came to.
#[derive(Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(super) enum Verdict {
    /// Every field is the same.
    Same {
        /// The fields.
        layout: Map<String, Value>,
    },
    /// rmcp refuses, and the types that bpftool printed are not what a layout needs either.
    BothRefuse {
        /// rmcp's line.
        rmcp: String,
        /// What bpftool's types lack.
        bpftool: String,
    },
    /// Anything else.
    Different {
        /// One line for each difference.
        differences: Vec<String>,
    },
    /// The kernel comes without amdgpu.
    NoAmdgpu,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same { layout } => {
                let field = |name: &str| layout.get(name).unwrap_or(&Value::Null).to_string();
                write!(
                    f,
                    "{} of {} fields are the same: {}, {}, noretry {}, fragment_size {}",
                    layout.len(),
                    layout.len(),
                    field("adev_from").replace('"', ""),
                    field("mtype_hook").replace('"', ""),
                    field("noretry"),
                    field("fragment_size")
                )
            }
            Self::BothRefuse { rmcp, bpftool } => {
                write!(f, "refused: {rmcp}\n{:28} bpftool: {bpftool}", "")
            }
            Self::Different { differences } => {
                write!(f, "DIFFERENT: {}", differences.join("; "))
            }
            Self::NoAmdgpu => f.write_str("skipped: its packages have no amdgpu.ko"),
        }
    }
}

/// Compares what was read of the kernel of this release.
pub(super) fn compare(release: &str, evidence: Option<Evidence>) -> Result<Verdict> {
    let Some(evidence) = evidence else {
        return Ok(Verdict::NoAmdgpu);
    };
    let expected = match elf::section(&evidence.amdgpu, ".BTF") {
        Some(module) => expected(release, &evidence, module)?,
        None => {
            // Then there are no types for bpftool to print.
            ensure!(bpftool::read(&evidence.vmlinux_types, &evidence.amdgpu_types).is_err());
            Err("no .BTF in amdgpu.ko".to_owned())
        }
    };
    let rmcp = (evidence.rmcp.into_iter())
        .map(|said| match said {
            Ok(json) => Ok(Ok(serde_json::from_slice(&json)?)),
            Err(refusal) => Ok(Err(refusal)),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(judge(rmcp, expected))
}

/// What must be said of this amdgpu.
fn expected(
    release: &str,
    evidence: &Evidence,
    module: &[u8],
) -> Result<Result<Map<String, Value>, String>> {
    let types = bpftool::read(&evidence.vmlinux_types, &evidence.amdgpu_types)
        .map_err(anyhow::Error::msg)
        .context("what bpftool printed")?;
    ensure!(
        types.0.keys().copied().eq(1..=types.0.len() as u32),
        "bpftool did not print every type"
    );
    // The reader of the fuzz tests is itself held against bpftool here.
    let kernel = elf::section(&evidence.vmlinux, ".BTF").context("vmlinux has no .BTF")?;
    let decoded = bytes::decode(kernel, module).map_err(anyhow::Error::msg)?;
    for (id, one) in &types.0 {
        let other = decoded.0.get(id);
        ensure!(
            other == Some(one),
            "type [{id}] is {one:?} to bpftool, {other:?} to the tests' own reader"
        );
    }
    ensure!(decoded == types, "the tests' own reader finds more types");

    Ok(Opinion::of(&types).and_then(|opinion| {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(opinion) else {
            return Err("no fields".to_owned());
        };
        let srcversion = Some(&evidence.srcversion).filter(|version| !version.is_empty());
        let built_for = evidence.vermagic.split(' ').next();
        if built_for != Some(release) {
            return Err(format!("the vermagic {:?}", evidence.vermagic));
        }
        fields.extend([
            ("kernel_release".to_owned(), json!(release)),
            ("srcversion".to_owned(), json!(srcversion)),
            ("btf_len".to_owned(), json!(module.len())),
            (
                "btf_fnv1a64".to_owned(),
                json!(format!("{:#018x}", fnv1a64(module))),
            ),
        ]);
        Ok(fields)
    }))
}

/// Compares what rmcp said, once for each source of the kernel's BTF, with what is expected.
fn judge(
    rmcp: Vec<Result<Map<String, Value>, String>>,
    expected: Result<Map<String, Value>, String>,
) -> Verdict {
    let mut differences = Vec::new();
    let mut refusals = Vec::new();
    for said in rmcp {
        match (said, &expected) {
            (Ok(found), Ok(expected)) => differences.extend(unequal(&found, expected)),
            (Ok(found), Err(reason)) => differences.push(format!(
                "rmcp says {}, but bpftool's types: {reason}",
                Value::Object(found)
            )),
            (Err(refusal), Ok(_)) => differences.push(format!(
                "rmcp refuses what bpftool's types are enough for: {refusal}"
            )),
            (Err(refusal), Err(reason)) if names_the_same(&refusal, reason) => {
                refusals.push(refusal);
            }
            (Err(refusal), Err(reason)) => differences.push(format!(
                "rmcp refuses with {refusal:?}, but bpftool's types: {reason}"
            )),
        }
    }
    match (differences.is_empty(), refusals.pop(), expected) {
        (true, Some(rmcp), Err(bpftool)) => Verdict::BothRefuse { rmcp, bpftool },
        (true, None, Ok(layout)) => Verdict::Same { layout },
        _ => Verdict::Different { differences },
    }
}

/// One line for each field that is not the same, those that only one of them has included.
fn unequal(found: &Map<String, Value>, expected: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<&String> = found.keys().chain(expected.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|&name| found.get(name) != expected.get(name))
        .map(|name| {
            let word = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            let (found, expected) = (word(found.get(name)), word(expected.get(name)));
            format!("{name} is {found} to rmcp, {expected} to bpftool")
        })
        .collect()
}

/// Whether the refusal is about what the reason is about: the end of the first path in it.
fn names_the_same(refusal: &str, reason: &str) -> bool {
    let path = reason
        .split_whitespace()
        .find(|word| word.contains(['_', '.']));
    path.and_then(|path| path.rsplit('.').next())
        .is_some_and(|name| refusal.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(noretry: u64) -> Map<String, Value> {
        Map::from_iter([("noretry".to_owned(), json!(noretry))])
    }

    #[test]
    fn each_source_of_btf_must_come_to_the_same() {
        let judged = |rmcp| judge(rmcp, Ok(layout(8)));
        assert!(matches!(judged(vec![Ok(layout(8))]), Verdict::Same { .. }));
        for rmcp in [
            vec![Ok(layout(8)), Ok(layout(12))],
            vec![Ok(layout(8)), Err("refused".to_owned())],
            vec![Ok(Map::new())],
        ] {
            assert!(matches!(judged(rmcp), Verdict::Different { .. }));
        }
    }

    #[test]
    fn a_refusal_must_have_the_same_reason() {
        let judged = |rmcp| judge(vec![rmcp], Err("no function gmc_init in it".to_owned()));
        let refusal = |line: &str| judged(Err(line.to_owned()));
        assert!(names_the_same(
            "no member noretry",
            "gmc.noretry is not there"
        ));
        assert!(names_the_same("no .BTF section", "no .BTF in amdgpu.ko"));
        assert!(matches!(
            refusal("gmc_init is missing"),
            Verdict::BothRefuse { .. }
        ));
        assert!(matches!(
            refusal("sw_fini is missing"),
            Verdict::Different { .. }
        ));
        assert!(matches!(judged(Ok(layout(8))), Verdict::Different { .. }));
    }

    #[test]
    fn differences_are_named() {
        let mut more = layout(8);
        more.insert("dev".to_owned(), json!(1));
        assert_eq!(
            unequal(&layout(12), &more),
            [
                "dev is nothing to rmcp, 1 to bpftool",
                "noretry is 12 to rmcp, 8 to bpftool"
            ]
        );
    }
}
